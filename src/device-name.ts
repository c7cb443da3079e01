// What a device may be called, as the upstream's RegisterDevice documents it. The gateway and its clients
// judge by the same rule, so that one bad name in a list of millions never costs its neighbours an answer.

const DEVICE_NAME = /^[A-Za-z0-9\-_@.:]{4,32}$/;

/** To be shown to whoever breaks it. */
export const DEVICE_NAME_RULE = "must be 4-32 of A-Za-z0-9-_@.:";

export function isDeviceName(name: string): boolean {
  return DEVICE_NAME.test(name);
}
