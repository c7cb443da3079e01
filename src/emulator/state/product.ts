// A product: its parameters, and its devices.
import { Column } from "./column.js";
import { productSecretOf } from "./ids.js";

export interface Product extends ProductTraits {
  readonly key: string;
  readonly secret: string;
  /** Rows by device name. */
  readonly rowOfName: Map<string, number>;
  /** The same rows, in the order of registration. */
  readonly rows: Column;
}

export interface ProductTraits {
  readonly name: string;
  /** 0: a device; 1: a gateway with sub-devices. */
  readonly nodeType: number;
  readonly dataFormat: number | undefined;
  readonly description: string | undefined;
  readonly authType: string;
  readonly id2: boolean;
  readonly protocolType: string | undefined;
  readonly commodityCode: string;
}

export function newProduct(key: string, number: number, traits: ProductTraits): Product {
  return { ...traits, key, secret: productSecretOf(number), rowOfName: new Map(), rows: Column.ofRows() };
}
