import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkLedger } from "../../lib/billing/ledger-store.ts";
import type { UpstreamReply, UpstreamRequest } from "../../lib/ports/upstream.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";
import { foreignMembers, jsonText, type MemberText, memberText, objectText, stringText } from "../support/json-text.ts";

// What a provider caches by is the prefix of the bytes that it is sent: a provider of the client's own format gets the client's
// bytes but for what must change. The request goes through the whole app; the port to the provider keeps what reaches it.

const RUNS = Math.ceil(Number(process.env["PROPERTY_RUNS"] ?? 1_000) / 8);
const KEYED = ["openai", "anthropic", "openrouter", "groq", "together"];
const setting = { apiKeys: ["sk-provider-canary-0123456789"], baseUrl: null, variables: {} };

let app: TestApp;
let key: string;
let sent: UpstreamRequest[] = [];

beforeAll(async () => {
  app = await createTestApp({ providers: Object.fromEntries(KEYED.map((id) => [id, setting])) });
  const keep = async (request: UpstreamRequest) => {
    sent.push(request);
    return answerTo(request);
  };
  Reflect.set(app.ports, "callUpstream", keep);
  ({ apiKey: key } = await app.newKey({ requestsPerMinute: 1_000_000 }));
});
afterAll(async () => {
  await app.settle();
  expect(await checkLedger(app.ports.database)).toEqual([]);
});

/** An answer in the format that was asked in. */
function answerTo({ url }: UpstreamRequest): UpstreamReply {
  const text = url.endsWith("/messages")
    ? '{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}'
    : '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}';
  const body = { text: async () => text, cancel: () => {}, async *[Symbol.asyncIterator]() {} };
  return { status: 200, header: (name) => (name === "content-type" ? "application/json" : null), body };
}

/** The bytes that reached the provider, and no other one was asked. */
async function reaches(path: string, text: string): Promise<string> {
  sent = [];
  const reply = await app.fetch(post(path, text, { "x-api-key": key }));
  expect([reply.status, await reply.text(), text]).toMatchObject([200, expect.any(String), text]);
  expect(sent).toHaveLength(1);
  return String(sent[0]?.body);
}

const sentence = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((text) => `.${text}`);
const messageText = fc
  .tuple(
    memberText("role", fc.constant('"user"')),
    memberText(
      "content",
      fc.oneof(
        stringText(sentence),
        stringText(sentence).map((text) => `[ {"text":${text}, "type":"text" ,"x_more":[1.0]} ]`),
      ),
    ),
    foreignMembers,
  )
  .chain((parts) => fc.shuffledSubarray(parts.flat(), { minLength: parts.flat().length }))
  .map(objectText);
const messagesText = fc
  .array(messageText, { minLength: 1, maxLength: 3 })
  .map((messages) => `[${messages.join(" ,\n")}]`);

interface Body {
  readonly members: readonly MemberText[];
  readonly text: string;
}

/** A body with these members and foreign ones, in any order. */
function bodies(model: string, more: readonly fc.Arbitrary<MemberText>[]): fc.Arbitrary<Body> {
  const own = [memberText("model", stringText(fc.constant(model))), memberText("messages", messagesText), ...more];
  return fc
    .tuple(fc.tuple(...own), foreignMembers)
    .chain((parts) => fc.shuffledSubarray(parts.flat(), { minLength: parts.flat().length }))
    .map((members) => ({ members, text: objectText(members) }));
}

const nameOf = ({ key: quoted }: MemberText): string => String(JSON.parse(quoted));
const withValue = (members: readonly MemberText[], name: string, value: string) =>
  members.map((member) => (nameOf(member) === name ? { ...member, value } : member));

const CHAT = "/v1/chat/completions";
const LLAMA = "meta-llama/llama-3.3-70b-instruct";
const SAME_FORMAT = [
  { path: CHAT, model: "openai/gpt-4o-mini", native: "gpt-4o-mini" },
  { path: CHAT, model: "GPT-4o-mini:nitro", native: "gpt-4o-mini" },
  { path: CHAT, model: `groq/${LLAMA}`, native: "llama-3.3-70b-versatile" },
  { path: CHAT, model: `openrouter/${LLAMA}`, native: LLAMA },
  { path: CHAT, model: `together/${LLAMA}`, native: "meta-llama/Llama-3.3-70B-Instruct-Turbo" },
  { path: "/v1/messages", model: "anthropic/claude-sonnet-4.5", native: "claude-sonnet-4-5-20250929" },
] as const;
const maxTokens = memberText("max_tokens", fc.constantFrom("100", "1e2", "100.0"));

describe.each(SAME_FORMAT)("$model on $path", ({ path, model, native }) => {
  const asked = bodies(model, [maxTokens]);

  test("trap 24: the bytes are the client's, but for the model's name: order, blanks, escapes, numbers and unknown fields too", async () => {
    await fc.assert(
      fc.asyncProperty(asked, async ({ members, text }) => {
        expect(await reaches(path, text)).toBe(objectText(withValue(members, "model", JSON.stringify(native))));
      }),
      { numRuns: RUNS },
    );
  });

  test("trap 24: a key that is there twice is changed in both places, so that nobody reads another model than we", async () => {
    const twice = fc.tuple(asked, memberText("model", stringText(sentence)));
    await fc.assert(
      fc.asyncProperty(twice, async ([{ members }, first]) => {
        const all = [first, ...members];
        expect(await reaches(path, objectText(all))).toBe(objectText(withValue(all, "model", JSON.stringify(native))));
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

  test("trap 24: what is said to the gateway is taken out, and what stands before it keeps its bytes", async () => {
    const gateway = [
      memberText("provider", fc.constant('{ "allow_fallbacks" : true }')),
      memberText("x_kept", jsonText),
    ];
    await fc.assert(
      fc.asyncProperty(bodies(model, [maxTokens, ...gateway]), async ({ members, text }) => {
        const reached = await reaches(path, text);
        const edited = withValue(members, "model", JSON.stringify(native));
        const at = edited.findIndex((member) => nameOf(member) === "provider");
        const before = objectText(edited.slice(0, at)).slice(0, -1).trimEnd();
        expect(reached.slice(0, before.length)).toBe(before);
        let from = 0;
        for (const member of edited) {
          const own = member.key + member.colon + member.value;
          if (nameOf(member) === "provider") expect(reached).not.toContain(own);
          else from = reached.indexOf(own, from) + own.length;
          expect(from).toBeGreaterThanOrEqual(0);
        }
        const { provider: _, ...others } = JSON.parse(objectText(edited));
        expect(JSON.parse(reached)).toEqual(others);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("streams", () => {
  const stream = memberText("stream", fc.constant("true"));
  const edited = (members: readonly MemberText[]) => withValue(members, "model", '"gpt-4o-mini"');

  test("trap 24: an OpenAI stream is asked for its usage at the very end of the body", async () => {
    await fc.assert(
      fc.asyncProperty(bodies("openai/gpt-4o-mini", [stream]), async ({ members, text }) => {
        const body = objectText(edited(members));
        const asked = `${body.slice(0, -1)},"stream_options":{"include_usage":true}}`;
        expect(await reaches(CHAT, text)).toBe(asked);
      }),
      { numRuns: RUNS },
    );
  });

  test("trap 24: or within the options that the client set, whose other bytes stay", async () => {
    const set = fc.constantFrom(
      ["null", '{"include_usage":true}'],
      ["{}", '{"include_usage":true}'],
      ['{ "include_usage" : true }', '{ "include_usage" : true }'],
      ['{"x_1": 1.0 ,"include_usage":false, "x_2":"\\u00e9"}', '{"x_1": 1.0 ,"include_usage":true, "x_2":"\\u00e9"}'],
      ['{"include_obfuscation" :false }', '{"include_obfuscation" :false ,"include_usage":true}'],
    );
    const asked = set.chain(([own = "", wanted = ""]) =>
      bodies("openai/gpt-4o-mini", [stream, memberText("stream_options", fc.constant(own))]).map((body) => ({
        ...body,
        wanted,
      })),
    );
    await fc.assert(
      fc.asyncProperty(asked, async ({ members, text, wanted }) => {
        expect(await reaches(CHAT, text)).toBe(objectText(withValue(edited(members), "stream_options", wanted)));
      }),
      { numRuns: RUNS },
    );
  });

  test("trap 24: an Anthropic stream is asked for with the client's bytes", async () => {
    await fc.assert(
      fc.asyncProperty(bodies("anthropic/claude-sonnet-4.5", [stream, maxTokens]), async ({ members, text }) => {
        const wanted = objectText(withValue(members, "model", '"claude-sonnet-4-5-20250929"'));
        expect(await reaches("/v1/messages", text)).toBe(wanted);
      }),
      { numRuns: RUNS },
    );
  });

  test("trap 24: the second turn of a conversation begins with the bytes of the first", async () => {
    await fc.assert(
      fc.asyncProperty(messageText, messageText, messageText, async (first, answer, second) => {
        const turn = (messages: string) =>
          `{"model":"anthropic/claude-sonnet-4.5","max_tokens":9,"messages":[${messages}]}`;
        const one = await reaches("/v1/messages", turn(first));
        const two = await reaches("/v1/messages", turn(`${first},${answer},${second}`));
        expect(two.startsWith(one.slice(0, -2))).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});
