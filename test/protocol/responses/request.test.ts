import { describe, expect, test } from "vitest";
import { encodeMessagesRequest } from "../../../lib/protocol/anthropic/encode-request.ts";
import { responsesFormat } from "../../../lib/protocol/responses/responses-format.ts";
import { callOf, candidateOf } from "../../support/replay-stream.ts";

const format = responsesFormat(() => {});
const ours = `rs_${"0".repeat(32)}_0`;

/** What OpenAI receives of a body. */
function passedOn(text: string): string {
  const { provider, baseUrl, wire } = candidateOf("openai", "responses");
  const call = format.parse(JSON.parse(text), text);
  return wire.encode({ provider, baseUrl, nativeModel: "gpt-5", maxOutputTokens: 100, call }).request.body ?? "";
}

describe("a request passes to a provider that speaks responses", () => {
  test("with its bytes, but for the model and what is said to the gateway", () => {
    const text = `{ "input" : [ {"role":"user","content":"Hi"} ],\n "future_field":{"b":1, "a":2},"model":"openai/gpt-5","provider":{"only":["openai"]}, "store":false }`;
    expect(passedOn(text)).toBe(
      `{ "input" : [ {"role":"user","content":"Hi"} ],\n "future_field":{"b":1, "a":2},"model":"gpt-5", "store":false }`,
    );
  });

  test("without the response it went on from, which stands in its input by then", () => {
    expect(passedOn('{"model":"m","previous_response_id":"resp_1","input":"Hi"}')).toBe(
      '{"model":"gpt-5","input":"Hi"}',
    );
  });

  test("without ids and thoughts that this gateway wrote", () => {
    const input = [
      { type: "reasoning", id: ours, summary: [], encrypted_content: "gw1:signed:x" },
      {
        type: "function_call",
        id: ours.replace("rs", "fc"),
        call_id: "c",
        name: "f",
        arguments: "{}",
        extra_content: {},
      },
      { type: "function_call_output", call_id: "c", output: "r" },
      { type: "reasoning", id: "rs_68d1f0000000000000", summary: [], encrypted_content: "gAAAA" },
    ];
    const { input: sent } = JSON.parse(passedOn(JSON.stringify({ model: "m", input })));
    expect(sent).toEqual([
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "r" },
      { type: "reasoning", id: "rs_68d1f0000000000000", summary: [], encrypted_content: "gAAAA" },
    ]);
  });
});

describe("a request is translated", () => {
  test("a thought, what was said and the calls of one turn are one message", () => {
    const asked = callOf(format, {
      model: "m",
      instructions: "Be brief.",
      input: [
        { role: "user", content: "Hi" },
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gw1:signed:c2ln" },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Let me see." }] },
        { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
        { type: "function_call", call_id: "b", name: "g", arguments: "{}" },
        { type: "function_call_output", call_id: "a", output: "1" },
        { type: "function_call_output", call_id: "b", output: [{ type: "input_text", text: "2" }] },
      ],
    }).toChatRequest();
    expect(asked.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool", "tool"]);
    expect(asked.messages[2]).toMatchObject({
      content: [
        { kind: "reasoning", text: "Hm.", signature: "c2ln" },
        { kind: "text", text: "Let me see." },
        { kind: "tool-call", id: "a" },
        { kind: "tool-call", id: "b" },
      ],
    });
  });

  test("what OpenAI has sealed goes to nobody else, what Anthropic has sealed goes back to it", () => {
    const sent = (encrypted_content: string) => {
      const thought = { type: "reasoning", summary: [], encrypted_content };
      const input = [
        { role: "user", content: "Hi" },
        thought,
        { role: "assistant", content: "Yes" },
        { role: "user", content: "Go" },
      ];
      const { body } = encodeMessagesRequest(
        callOf(format, { model: "m", input }).toChatRequest(),
        "claude-sonnet-4-5",
        false,
        100,
      );
      return JSON.stringify(body);
    };
    expect(sent("gAAAAABsealed")).not.toContain("gAAAAABsealed");
    expect(sent("gw1:sealed:ZGF0YQ==")).toContain('{"type":"redacted_thinking","data":"ZGF0YQ=="}');
    expect(sent("gw1:signed:c2ln")).toContain('"signature":"c2ln"');
  });

  test("what cannot be carried is named", () => {
    const { other } = callOf(format, {
      model: "m",
      input: "Hi",
      text: { verbosity: "low" },
      truncation: "auto",
      prompt_cache_key: "k",
      future_field: 1,
      metadata: { a: "b" },
      store: true,
    }).toChatRequest();
    expect(Object.keys(other).sort()).toEqual(["future_field", "prompt_cache_key", "text.verbosity", "truncation"]);
  });
});
