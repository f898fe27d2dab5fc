import { passingWriter, StreamRelay, translatingWriter } from "../../lib/inference/stream-relay.ts";
import { UsageMeter } from "../../lib/inference/usage-meter.ts";
import type { Price } from "../../lib/money/cost.ts";
import { costNanoUsd } from "../../lib/money/cost.ts";
import type { NanoUsd } from "../../lib/money/nano-usd.ts";
import type { UpstreamReply } from "../../lib/ports/upstream.ts";
import { anthropicMessagesFormat } from "../../lib/protocol/anthropic/messages-format.ts";
import type { ClientFormat, ClientFormatName, ParsedCall, ReplyContext } from "../../lib/protocol/client-format.ts";
import { openAiChatFormat } from "../../lib/protocol/openai/chat-format.ts";
import { responsesFormat } from "../../lib/protocol/responses/responses-format.ts";
import type { Usage } from "../../lib/protocol/usage.ts";
import { AccessTokens } from "../../lib/providers/access-tokens.ts";
import { PROVIDERS, wireFor } from "../../lib/providers/provider-list.ts";
import { attempt } from "../../lib/routing/attempt.ts";
import { type Candidate, repliesUntouched } from "../../lib/routing/candidate.ts";
import { createFakeClock } from "./fake-clock.ts";

export const FORMATS = {
  openai: openAiChatFormat,
  anthropic: anthropicMessagesFormat,
  responses: responsesFormat(() => {}),
} as const satisfies Partial<Record<ClientFormat["name"], ClientFormat>>;

export interface Replayed {
  /** What the client receives. */
  readonly sse: string;
  /** What is charged for. */
  readonly usage: Usage;
  readonly costNanoUsd: NanoUsd;
}

const PRICE: Price = {
  version: "test",
  inputPerMillion: 3_000_000_000n,
  cachedInputPerMillion: 300_000_000n,
  cacheWritePerMillion: 3_750_000_000n,
  cacheWriteOneHourPerMillion: null,
  outputPerMillion: 15_000_000_000n,
  reasoningPerMillion: null,
  perRequest: 0n,
};
const MAX_TOKENS = 1_000_000;

/** A provider as a client of `format` would ask it; by default in the format that it speaks first. */
export function candidateOf(providerId: string, format: ClientFormatName | null = null): Candidate {
  const provider = PROVIDERS.find(({ id }) => id === providerId);
  if (provider === undefined) throw new Error(`There is no provider ${providerId}.`);
  return {
    provider,
    wire: wireFor(provider, format),
    baseUrl: provider.baseUrl ?? "https://provider.test",
    credential: { id: "1", secret: "key" },
    modelId: "vendor/model",
    nativeModel: "model",
    contextLength: MAX_TOKENS,
    maxOutputTokens: MAX_TOKENS,
    price: PRICE,
  };
}

export function callOf(format: ClientFormat, body: object): ParsedCall {
  const text = JSON.stringify(body);
  return format.parse(JSON.parse(text), text);
}

/**
 * A provider's stream, as it arrives in pieces, through the code of a real call: attempt, relay, writer and meter.
 * @param askedIn the format that the provider was asked in; null: the one that it speaks first
 */
export async function replayStream(
  providerId: string,
  format: ClientFormat,
  pieces: readonly Uint8Array[],
  askedIn: ClientFormatName | null = null,
): Promise<Replayed> {
  const clock = createFakeClock();
  // Without a key: none of a stream depends on it, and some have to be exchanged or sign first.
  const candidate: Candidate = { ...candidateOf(providerId, askedIn), credential: null };
  const call = callOf(format, { model: "m", stream: true, ...bodyIn(format) });
  const limits = { firstTokenMs: 30_000, idleMs: 30_000, deadlineMs: clock.now() + 600_000 };
  const ports = {
    clock,
    callUpstream: async () => streamOf(pieces, candidate.wire.framing?.contentType ?? "text/event-stream"),
    accessTokens: new AccessTokens(),
  };
  const result = await attempt(ports, candidate, call, limits, null);
  if (result.kind !== "answered" || result.reply.kind !== "stream") throw new Error(`No stream: ${result.kind}`);
  const costOf = (usage: Usage) => costNanoUsd(PRICE, usage);
  const context: ReplyContext = {
    request: {},
    generationId: "gen_1",
    model: "vendor/model",
    createdSeconds: 1_790_000_000,
    includeUsage: true,
    stripFields: candidate.provider.stripFromReply ?? [],
    estimatedInputTokens: call.estimatedInputTokens,
    costOf,
  };
  const writer = repliesUntouched(candidate, format.name)
    ? passingWriter(format.createStreamPassthrough(context))
    : translatingWriter(format.createStreamEncoder(context));
  const meter = new UsageMeter({
    estimatedInputTokens: call.estimatedInputTokens,
    contextLength: MAX_TOKENS,
    maxOutputTokens: MAX_TOKENS,
    choices: 2,
  });
  const relay = new StreamRelay({
    reply: result.reply,
    writer,
    meter,
    ceiling: null,
    requestId: "req_1",
    onEnd: () => {},
  });
  const decoder = new TextDecoder();
  let sse = "";
  for (let bytes = await relay.next(); bytes !== null; bytes = await relay.next())
    sse += decoder.decode(bytes, { stream: true });
  return { sse, usage: meter.final(), costNanoUsd: costOf(meter.final()) };
}

/** What the formats ask in their own ways. */
function bodyIn({ name }: ClientFormat): object {
  const messages = [{ role: "user", content: "Tides?" }];
  if (name === "responses") return { input: messages };
  return name === "openai" ? { messages, stream_options: { include_usage: true } } : { messages, max_tokens: 4_000 };
}

function streamOf(pieces: readonly Uint8Array[], contentType: string): UpstreamReply {
  return {
    status: 200,
    header: (name) => (name === "content-type" ? contentType : null),
    body: {
      text: () => Promise.reject(new Error("A stream is not read as text.")),
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        yield* pieces;
      },
    },
  };
}

/** `bytes` cut at these places, whatever they are. */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}
