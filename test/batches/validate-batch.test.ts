import { expect, test } from "vitest";
import { readBatchLines } from "../../lib/batches/validate-batch.ts";

const URL = "/v1/chat/completions";
const line = (more: object = {}) =>
  JSON.stringify({ custom_id: "a", method: "POST", url: URL, body: { model: "m", messages: [] }, ...more });
const codes = (text: string, max = 10_000) => {
  const read = readBatchLines(text, URL, max);
  return "errors" in read ? read.errors.map(({ code, line: number }) => [number, code]) : read.requests.length;
};

test("a body is kept to the byte, blank lines and a byte order mark are not lines", () => {
  const body = '{ "model" : "m", "seed": 9007199254740993,"temperature":1.0 }';
  const text = `\uFEFF{"custom_id":"a","method":"POST","url":"${URL}","body":${body}}\r\n\n${line({ custom_id: "b" })}`;
  expect(readBatchLines(text, URL, 10_000)).toEqual({
    requests: [
      { customId: "a", body },
      { customId: "b", body: '{"model":"m","messages":[]}' },
    ],
  });
});

test("everything that is wrong is told at once, with its line", () => {
  const wrong: readonly (readonly [string, string])[] = [
    ["{", "invalid_json_line"],
    ["[]", "invalid_json_line"],
    [`{"__proto__":1}`, "invalid_json_line"],
    [line({ custom_id: "" }), "invalid_custom_id"],
    [line({ custom_id: 5 }), "invalid_custom_id"],
    [line({ custom_id: "x".repeat(513) }), "invalid_custom_id"],
    [line({ custom_id: "m", method: "GET" }), "invalid_method"],
    [line({ custom_id: "u", url: "/v1/messages" }), "invalid_url"],
    [line({ custom_id: "h", url: "http://169.254.169.254/" }), "invalid_url"],
    [line({ custom_id: "b", body: [] }), "invalid_body"],
    [line({ custom_id: "s", body: { stream: true } }), "invalid_body"],
    [line(), "first use"],
    [line(), "duplicate_custom_id"],
  ];
  const told = codes(wrong.map(([text]) => text).join("\n"));
  expect(told).toEqual(wrong.flatMap(([, code], index) => (code === "first use" ? [] : [[index + 1, code]])));
});

test("too long a line, too many, none, and no more faults than can be read", () => {
  expect(codes(line({ body: { text: "x".repeat(200) } }), 100)).toEqual([[1, "line_too_long"]]);
  expect(codes("\n \n")).toEqual([[null, "empty_file"]]);
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => line({ custom_id: String(index) })).join("\n");
  expect(codes(many(10_000))).toBe(10_000);
  expect(codes(many(10_001))).toEqual([[null, "too_many_lines"]]);
  expect(codes("{\n".repeat(500))).toHaveLength(100);
});
