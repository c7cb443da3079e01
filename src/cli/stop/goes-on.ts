// Says how to find a stop again that the gateway goes on with: by its name, and with the flags that
// lead to the gateway.
import { visible } from "../../base/visible-text.js";

const GATEWAY_FLAGS = ["address", "caller", "tls", "ca", "cert", "key", "serverName", "tokenFile"] as const;

type Given = Readonly<Partial<Record<(typeof GATEWAY_FLAGS)[number], string | true>>>;

export function goesOnText(name: string, given: Given): string {
  const flags = GATEWAY_FLAGS.flatMap((flag) => {
    const [option, value] = [`--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, given[flag]];
    return value === undefined ? [] : value === true ? [option] : [option, value];
  });
  const it = visible([name, ...flags].join(" "));
  return `\nThe gateway knows it as ${visible(name)}:\n  ota-gateway operations wait ${it}\n  ota-gateway operations stop ${it}\n`;
}
