import { expect, test } from "vitest";
import { endUserId } from "../../../lib/protocol/openai/end-user-id.ts";

const DEVICE = "9f2c".repeat(16);
const SESSION = "0b9f6f0e-3c52-4a44-9f2e-2f8f8d6c9a11";

test.each([
  ["one that fits stays as it is", "ada@example.com", "ada@example.com"],
  ["Claude Code's JSON becomes its device", `{"device_id":"${DEVICE}","session_id":"${SESSION}"}`, DEVICE],
  [
    "Claude Code's older form is cut, and keeps what tells users apart",
    `user_${DEVICE}_account__session_${SESSION}`,
    `user_${DEVICE}`.slice(0, 64),
  ],
  ["JSON of another kind is cut and has no odd characters", `{"a":"${"é".repeat(70)}"}`, `__a___${"_".repeat(58)}`],
])("an end user's id: %s", (_, given, sent) => {
  expect(endUserId(given)).toBe(sent);
  expect(endUserId(given).length).toBeLessThanOrEqual(64);
});
