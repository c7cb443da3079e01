// Says in plain words why no gateway answered. grpc-js wraps the system's error in the layers that
// it passed through (round_robin, pick_first, the resolver); only the innermost helps a reader.

/** Begins the message if nothing can have reached a gateway. */
const NO_CONNECTION = "no connection to the gateway";

/** How grpc-js words a failure, and what it means. The first that matches counts. */
const WORDS: readonly (readonly [RegExp, (part: string) => string])[] = [
  // With the deadline, grpc-js lists how long each of its steps took.
  [/^Deadline exceeded.*\b[Ww]aiting for (?:LB pick|name resolution)/s, () => `${NO_CONNECTION} within the timeout`],
  [/^Deadline exceeded/, () => "the gateway did not answer within the timeout"],
  // Without an error of its own, a proxy on the way refused; grpc-js only prints why.
  [/No connection established(?:\. Last error: (?:undefined|null)\b.*)?$/s, () => NO_CONNECTION],
  [
    // With the time of the try.
    /.*Last error: (?:Error: )?(.*?)(?: \([\d:TZ.-]+\))?(?:\. Resolution note:.*)?$/s,
    (error) => `${NO_CONNECTION}: ${error}`,
  ],
  [/^Name resolution failed for target (?:dns:\/*)?(.*)$/s, (name) => `${NO_CONNECTION}: ${name} cannot be resolved`],
  [/^No addresses resolved/, () => `${NO_CONNECTION}: its name has no address`],
  [/^Connection dropped$|^(?:read|write) E[A-Z]+$|socket hang up/, () => "the connection to the gateway broke"],
  [/^Stream refused by server$/, () => "the gateway began no work on it: its connection was closing"],
  [/^Received HTTP status code (\d+)$/, (code) => `not the gateway answered, but something on the way: HTTP ${code}`],
  [/^Received RST_STREAM with code (.*)$/s, (code) => `the connection to the gateway broke: HTTP/2 code ${code}`],
  [
    /^Received message larger than max \((\d+ vs \d+)\)$/,
    (sizes) => `a message is larger than its receiver accepts: ${sizes.replace("vs", "bytes, limit")}`,
  ],
];

/** The message of an rpc that no gateway answered; other texts are left as they are. */
export function transportMessage(details: string): string {
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(details);
    if (match) return words(match[1] ?? "");
  }
  return details;
}

/** Whether the failure shows that nothing was sent. */
export function isUnsent({ message }: { readonly message: string }): boolean {
  return message.startsWith(NO_CONNECTION);
}
