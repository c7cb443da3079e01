// Hides the user's names in the upstream's words, because reports are shared. A name is found only
// where it stands alone: "device" inside iot.device.NotExistedDevice, or a package "C" inside
// JobCanceled, is not the user's, and a code with a part missing would be misread.

/** Replaces each of `names` by `[name]`, except short words that a code itself may hold. */
export function hideNames(text: string, names: readonly string[]): string {
  return names.filter(isDistinct).reduce((rest, name) => {
    const alone = new RegExp(`(?<![A-Za-z0-9])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![A-Za-z0-9])`, "g");
    return rest.replace(alone, "[name]");
  }, text);
}

const LONGEST_WORD_OF_A_CODE = 7;

/** Codes are words of letters. */
function isDistinct(name: string): boolean {
  return name.length > LONGEST_WORD_OF_A_CODE || /[^A-Za-z]/.test(name);
}
