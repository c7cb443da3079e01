// A row of numbers, one for each device of a request. Three rows take 240 B for 1 device, 985 B for 32 and 24 kB for
// 1000 as plain arrays, and 744 B, 896 B and 6.7 kB as typed arrays, so short rows are plain and long ones typed.

/** Up to so many devices, plain arrays are smaller. */
const FEW = 28;

export type DeviceMarks = number[] | Uint8Array | Int32Array;

/** Without values yet. */
export const NO_MARKS: DeviceMarks = [];

export function deviceMarks(devices: number, Typed: typeof Uint8Array | typeof Int32Array, value: number): DeviceMarks {
  return devices <= FEW ? new Array<number>(devices).fill(value) : new Typed(devices).fill(value);
}
