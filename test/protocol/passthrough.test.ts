import { describe, expect, test } from "vitest";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import type { ClientFormat, ReplyContext } from "../../lib/protocol/client-format.ts";
import { createSseParser } from "../../lib/protocol/sse/sse-parser.ts";
import { candidateOf, FORMATS } from "../support/replay-stream.ts";
import { CONTEXT, USAGE } from "./reply-context.ts";

/** A same-format stream, frame by frame, through the passthrough; `end` is what then ends it. */
function pass(
  format: ClientFormat,
  sse: string,
  context: Partial<ReplyContext> = {},
  end: "finish" | "cut" | "fail" = "finish",
): string {
  const passthrough = format.createStreamPassthrough({ ...CONTEXT, ...context });
  const decoder = candidateOf(format.name).wire.createStreamDecoder();
  const parser = createSseParser();
  const frames = [...parser.push(new TextEncoder().encode(sse)), ...parser.end()];
  const passed = frames.map((frame) => passthrough.push(frame, decoder.push(frame))).join("");
  if (end === "fail") return passed + passthrough.fail(new GatewayError("provider_error", "It broke."), "req_1");
  return passed + (end === "cut" ? passthrough.cut(USAGE) : passthrough.finish(USAGE));
}

describe("an OpenAI stream for an OpenAI client", () => {
  const { openai } = FORMATS;
  const CONTENT =
    'data: { "id":"c", "model":"m","choices":[{"index":0,"delta":{"content":"h\\u00e9"}}],"future":[1.0] }\n\n';
  const FINISH = 'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
  const USAGE_CHUNK =
    'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"future":true}}\n\n';
  const DONE = "data: [DONE]\n\n";
  const PRICED =
    'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"future":true,"cost":0.0015}}\n\n';

  test("every byte is the provider's, but for the cost", () => {
    expect(pass(openai, `: hello\n\n${CONTENT}${FINISH}${USAGE_CHUNK}${DONE}`)).toBe(
      `: hello\n\n${CONTENT}${FINISH}${PRICED}${DONE}`,
    );
  });

  test("K16 usage goes only to a client that asked, and [DONE] comes once", () => {
    expect(pass(openai, CONTENT + FINISH + USAGE_CHUNK + DONE, { includeUsage: false })).toBe(CONTENT + FINISH + DONE);
  });

  test("a client that asked gets usage, though the provider told none, and an end that it forgot", () => {
    const passed = pass(openai, CONTENT + FINISH);
    expect(passed.startsWith(CONTENT + FINISH)).toBe(true);
    expect(passed).toContain('"choices":[],"usage":{"prompt_tokens":17');
    expect(passed.endsWith(DONE)).toBe(true);
  });

  test("usage on a chunk with choices stays with them", () => {
    const both = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n';
    expect(pass(openai, both)).toBe(`${both.replace("}}\n", ',"cost":0.0015}}\n')}${DONE}`);
  });

  test("CM-10.3.2 a provider's own fields are cut out, nothing else", () => {
    const own = 'data: {"id":"c","x_groq":{"id":"r"},"choices":[{"index":0,"delta":{"content":"x_groq"}}]}\n\n';
    expect(pass(openai, own, { stripFields: ["x_groq"], includeUsage: false })).toBe(
      `${own.replace('"x_groq":{"id":"r"},', "")}${DONE}`,
    );
  });

  test("CM-10.3.2 what a provider adds to its usage is cut out of it, whole and streamed", () => {
    const chunk = 'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3, "estimated_cost":1e-5}}\n\n';
    const stripFields = ["usage.estimated_cost", "prompt"];
    expect(pass(openai, chunk, { stripFields })).toBe(
      `data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"cost":0.0015}}\n\n${DONE}`,
    );
    const text = '{"usage":{"estimated_cost":1,"prompt_tokens":3},"estimated_cost":2}';
    expect(openai.passReply(text, JSON.parse(text), USAGE, { ...CONTEXT, stripFields })).toBe(
      '{"usage":{"prompt_tokens":3,"cost":0.0015},"estimated_cost":2}',
    );
  });

  test("CM-10.3.2 and out of an Anthropic message, whole and streamed", () => {
    const { anthropic } = FORMATS;
    const stripFields = ["provider", "usage.is_byok"];
    const message = '{"type":"message","provider":"P","content":[],"usage":{"is_byok":false,"input_tokens":3}}';
    const start = `event: message_start\ndata: {"type":"message_start","message":${message}}\n\n`;
    const delta =
      'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":1,"is_byok":false}}\n\n';
    const passed = pass(anthropic, start + delta, { stripFields });
    expect(passed).toContain('"message":{"type":"message","content":[],"usage":{"input_tokens":3}}');
    expect(passed).toContain('"usage":{"output_tokens":1,"cost":0.0015}');
    expect(anthropic.passReply(message, JSON.parse(message), USAGE, { ...CONTEXT, stripFields })).toBe(
      '{"type":"message","content":[],"usage":{"input_tokens":3,"cost":0.0015}}',
    );
  });

  test("a stream that we stop ends as its protocol does, and an error is told in it", () => {
    expect(pass(openai, CONTENT, {}, "cut")).toMatch(
      /"finish_reason":"length".*\n\ndata: .*"usage":.*\n\ndata: \[DONE\]\n\n$/,
    );
    expect(pass(openai, CONTENT, {}, "fail")).toMatch(
      /"finish_reason":"error".*"code":"provider_error".*\n\ndata: \{"error":.*"code":"provider_error".*\n\ndata: \[DONE\]\n\n$/,
    );
  });

  test("a whole reply keeps its bytes but for the cost, and gets usage where it had none", () => {
    const text = '{ "id":"c" ,"usage":{"prompt_tokens":3}, "prompt":[] }';
    expect(openai.passReply(text, JSON.parse(text), USAGE, { ...CONTEXT, stripFields: ["prompt"] })).toBe(
      '{ "id":"c" ,"usage":{"prompt_tokens":3,"cost":0.0015} }',
    );
    expect(JSON.parse(openai.passReply('{"id":"c"}', { id: "c" }, USAGE, CONTEXT)).usage).toMatchObject({
      prompt_tokens: 17,
      cost: 0.0015,
    });
  });
});

describe("an Anthropic stream for an Anthropic client", () => {
  const { anthropic } = FORMATS;
  const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`;
  const START = event(
    "message_start",
    '{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"output_tokens":1}}    }',
  );
  const PING = event("ping", '{"type": "ping"}');
  const BLOCK = event(
    "content_block_start",
    '{"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"s"}   }',
  );
  const STOP = event("content_block_stop", '{"type":"content_block_stop","index":4 }');
  const DELTA = event(
    "message_delta",
    '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2,"server_tool_use":{"web_search_requests":1}}     }',
  );
  const END = event("message_stop", '{"type":"message_stop"}');

  test("every byte is the provider's, but for the cost: unknown blocks, blanks and pings too", () => {
    const priced = DELTA.replace('"web_search_requests":1}}', '"web_search_requests":1},"cost":0.0015}');
    expect(pass(anthropic, START + PING + BLOCK + STOP + DELTA + END)).toBe(START + PING + BLOCK + STOP + priced + END);
  });

  test("a message_delta without usage waits for what was metered", () => {
    const bare = event("message_delta", '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}');
    const passed = pass(anthropic, START + BLOCK + STOP + bare + END);
    expect(passed).toContain('"delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":10');
    expect(passed.indexOf("message_delta")).toBeLessThan(passed.indexOf("message_stop"));
    expect(passed.match(/event: message_delta/g)).toHaveLength(1);
  });

  test("a stream that we stop closes its block and ends as its protocol does; an error is told in it", () => {
    const cut = pass(anthropic, START + BLOCK, {}, "cut");
    expect([...cut.matchAll(/^event: (\w+)/gm)].map(([, name]) => name)).toEqual(
      ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"],
    ); // biome-ignore format: a list
    expect(cut).toContain('{"type":"content_block_stop","index":4}');
    expect(cut).toContain('"stop_reason":"max_tokens"');
    expect(pass(anthropic, START + BLOCK + STOP, {}, "cut").match(/content_block_stop"/g)).toHaveLength(1);
    expect(pass(anthropic, START, {}, "fail")).toMatch(
      /event: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    );
  });

  test("a whole message keeps its bytes but for the cost", () => {
    const text = '{ "id":"msg_1", "usage":{ "input_tokens":3 } }';
    expect(anthropic.passReply(text, JSON.parse(text), USAGE, CONTEXT)).toBe(
      '{ "id":"msg_1", "usage":{ "input_tokens":3 ,"cost":0.0015} }',
    );
    expect(anthropic.passReply('{"id":"msg_1"}', { id: "msg_1" }, USAGE, CONTEXT)).toContain(
      '"usage":{"input_tokens":10',
    );
  });
});
