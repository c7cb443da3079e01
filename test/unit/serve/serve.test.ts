import { describe, expect, it } from "vitest";
import { readConfig } from "../../../src/config/config.js";
import { serve } from "../../../src/serve/serve.js";
import { FakeLog } from "../../support/fake-log.js";

describe("serve", () => {
  it("refuses an audit log that cannot be written before it opens anything (was: went on reading keys)", async () => {
    const config = readConfig({
      ...{ OTA_JWT_JWKS: "/no/such/keys.json", OTA_JWT_ISSUER: "issuer", OTA_JWT_AUDIENCE: "audience" },
      ...{ OTA_AUDIT_LOG: "/no/such/folder/audit.log", OTA_AUDIT_STRICT: "1" },
    });
    await expect(serve(config, new FakeLog(), {})).rejects.toMatchObject({
      mistakes: [
        "OTA_AUDIT_LOG: /no/such/folder/audit.log cannot be written (ENOENT); make it writable, or unset OTA_AUDIT_STRICT",
      ],
    });
  });
});
