// The words that systems write above a column of device names, or use as the key of one: the
// vendor's API and console, its SDKs, and the tables that people make of them.

/** The column or key in messages, where the user chose none. */
export const DEFAULT_COLUMN = "device_name";

/** In their plain form; the first one that a list has is taken. */
const NAME_WORDS = ["devicename", "设备名称", "设备名", "設備名稱", "裝置名稱", "デバイス名", "device", "name"];

/**
 * Titles of other columns. None is a likely value, or the first line of a list without titles would
 * be taken for them.
 */
const OTHER_TITLES = [
  ...["id", "iotid", "no", "number", "serial", "serialno", "serialnumber", "sn", "status", "state", "devicestatus"],
  ...["product", "productkey", "productname", "devicesecret", "nickname", "alias", "remark", "note", "comment"],
  ...["version", "firmware", "firmwareid", "firmwareversion", "module", "modulename", "jobid", "outcome", "site"],
  ...["状态", "设备状态", "产品", "产品名称", "备注", "备注名称", "固件版本", "序号", "设备密钥", "设备id"],
];

const TITLES: ReadonlySet<string> = new Set([...NAME_WORDS, ...OTHER_TITLES]);

/** The same for all ways to write a title: `Device Name`, `device_name`, `DeviceName（必填）`. */
function plain(title: string): string {
  return title
    .replace(/(?<=.)[([（【].*$/u, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");
}

/** Whether it is the title of a column of any kind. */
export function isTitle(text: string): boolean {
  return TITLES.has(plain(text));
}

/** Whether it is the title of a column of names. */
export function isNameTitle(text: string): boolean {
  return NAME_WORDS.includes(plain(text));
}

/**
 * The position of the title that the user chose, or of the best one for names; -1 if there is none.
 */
export function nameTitleIn(titles: readonly string[], chosen: string | undefined): number {
  if (chosen !== undefined) {
    const exact = titles.indexOf(chosen);
    return exact >= 0 || plain(chosen) === "" ? exact : titles.findIndex((title) => plain(title) === plain(chosen));
  }
  const plains = titles.map(plain);
  const word = NAME_WORDS.find((each) => plains.includes(each));
  return word === undefined ? -1 : plains.indexOf(word);
}
