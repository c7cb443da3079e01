// An OTA update package, and the state of its verification.

export interface Firmware extends FirmwareTraits {
  readonly id: string;
  readonly createdMs: number;
  modifiedMs: number;
  status: FirmwareStatus;
}

export interface FirmwareTraits {
  readonly name: string;
  readonly destVersion: string;
  /** 0: the full package; 1: the difference from `srcVersion`. */
  readonly type: 0 | 1;
  readonly srcVersion: string | undefined;
  readonly moduleName: string;
  readonly productKey: string | undefined;
  readonly url: string | undefined;
  readonly sign: string | undefined;
  readonly signMethod: string | undefined;
  readonly size: number | undefined;
  readonly description: string | undefined;
  readonly udi: string | undefined;
  readonly files: readonly FirmwareFile[];
}

export interface FirmwareFile {
  readonly Name: string | undefined;
  readonly Url: string | undefined;
  readonly Size: number | undefined;
  readonly SignValue: string | undefined;
  readonly FileMd5: string | undefined;
}

/** The default module, which is the device as a whole. */
export const DEFAULT_MODULE = "default";

export type FirmwareStatus = "not-to-verify" | "unverified" | "verified" | "verifying" | "failed";

/** The documented numbers. */
export const FIRMWARE_STATUS_CODES: Readonly<Record<FirmwareStatus, number>> = {
  "not-to-verify": -1,
  unverified: 0,
  verified: 1,
  verifying: 2,
  failed: 3,
};

/** Whether an upgrade batch may use a package in this state. */
export const UPGRADABLE: Readonly<Record<FirmwareStatus, boolean>> = {
  "not-to-verify": true,
  unverified: false,
  verified: true,
  verifying: false,
  failed: false,
};
