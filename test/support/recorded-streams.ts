import { globSync, readFileSync } from "node:fs";
import { systemClock } from "../../lib/platform/clock.ts";
import type { ClientFormatName } from "../../lib/protocol/client-format.ts";
import { AccessTokens } from "../../lib/providers/access-tokens.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { authorized } from "../../lib/routing/candidate.ts";
import { callOf, candidateOf, FORMATS } from "./replay-stream.ts";
import { providerKey } from "./simulator/provider-access.ts";
import type { Simulator } from "./simulator/start-simulator.ts";

/** A provider's stream as its bytes came. */
export interface RecordedStream {
  readonly name: string;
  readonly provider: string;
  /** Where that is not the format that the provider speaks first. */
  readonly askedIn: ClientFormatName | null;
  readonly bytes: Uint8Array;
}

/** Files are named for the provider, but for those of a wire that is not called as its provider is. */
const PROVIDER_OF_WIRE: ReadonlyMap<string, string> = new Map([
  ["azure", "azure-openai"],
  ["gemini", "google-ai-studio"],
]);

/** Every stream under `test/fixtures`: a new one is tested with the others as soon as it lies there. */
export function recordedStreams(): readonly RecordedStream[] {
  return globSync("test/fixtures/**/*.sse")
    .toSorted()
    .map((path) => ({
      name: path.slice("test/fixtures/".length),
      provider: providerOfFile(path),
      askedIn: path.includes("/responses/") ? "responses" : null,
      bytes: new Uint8Array(readFileSync(path)),
    }));
}

/** `streams/groq-reasoning.sse` is Groq's, and so is `groq/reasoning.sse`. */
function providerOfFile(path: string): string {
  const [file = "", folder = ""] = path.split("/").toReversed();
  const names = [...PROVIDERS.map(({ id }) => id), ...PROVIDER_OF_WIRE.keys()].toSorted((a, b) => b.length - a.length);
  const named = (text: string) => names.find((name) => text === name || new RegExp(`^${name}[-.]`).test(text));
  const name = named(file) ?? named(folder);
  if (name === undefined) throw new Error(`${path} does not begin with the name of a provider.`);
  return PROVIDER_OF_WIRE.get(name) ?? name;
}

/** Nobody here exchanges a key for a token. */
const NO_TOKENS = {
  clock: systemClock,
  callUpstream: () => Promise.reject(new Error("No call is needed.")),
  accessTokens: new AccessTokens(),
};
const NEVER = new AbortController().signal;

const TOOL = {
  type: "function",
  function: { name: "get_tide", parameters: { type: "object", properties: { port: { type: "string" } } } },
};
const PROMPTS: Readonly<Record<string, object>> = {
  text: { messages: [{ role: "user", content: "Höhe über Null — 👋🏽 Ебб und フロー" }] },
  calls: {
    messages: [{ role: "user", content: 'get_tide({"port":"Cóbh 🌊"}) and get_tide({"port":"Cork"})' }],
    tools: [TOOL],
  },
  thought: { messages: [{ role: "user", content: "Warum? 🌊" }], reasoning_effort: "high", max_tokens: 9_000 },
};

/** What the simulator writes as each of these providers: an answer in words beyond ASCII, calls of a tool, a thought. */
export async function simulatedStreams(
  simulator: Simulator,
  providers: readonly string[],
): Promise<readonly RecordedStream[]> {
  const streams: RecordedStream[] = [];
  for (const id of providers) {
    const candidate = {
      ...candidateOf(id),
      baseUrl: simulator.baseUrl(id),
      credential: { id: "1", secret: providerKey(id) },
    };
    for (const [kind, body] of Object.entries(PROMPTS)) {
      const call = callOf(FORMATS.openai, {
        model: "m",
        stream: true,
        stream_options: { include_usage: true },
        ...body,
      });
      const { provider, wire, baseUrl, nativeModel, maxOutputTokens } = candidate;
      const encoded = wire.encode({ provider, baseUrl, nativeModel, maxOutputTokens, call });
      const { url, method, headers } = await authorized(encoded.request, candidate, NO_TOKENS, NEVER);
      const reply = await fetch(url, { method, headers, body: encoded.request.body });
      if (!reply.ok) throw new Error(`The simulator refused a request to ${id}: ${await reply.text()}`);
      streams.push({
        name: `${id}, ${kind}`,
        provider: id,
        askedIn: null,
        bytes: new Uint8Array(await reply.arrayBuffer()),
      });
    }
  }
  return streams;
}
