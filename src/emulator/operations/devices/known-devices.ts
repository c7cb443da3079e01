// The devices of a list that a product has, in the order of the list, each once. The fate of the
// others is one of the open questions.
import { serviceError } from "../../protocol/errors.js";
import type { Product } from "../../state/product.js";

export function knownDevices(product: Product, names: readonly string[], missing: "omit" | "reject"): number[] {
  const rows = [...new Set(names)].map((name) => product.rowOfName.get(name));
  const known = rows.filter((row) => row !== undefined);
  if (missing === "reject" && known.length < rows.length) throw serviceError("iot.device.NotExistedDevice");
  return known;
}
