import { readFileSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";
import type { TestGateway } from "../support/start-gateway.ts";

type BetaMessage = Anthropic.Beta.BetaMessage;
type BetaMessageParam = Anthropic.Beta.BetaMessageParam;

type Body = Anthropic.Beta.MessageCreateParamsNonStreaming;

interface Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly betas: string[];
  readonly system: Anthropic.Beta.BetaTextBlockParam[];
  readonly tools: Anthropic.Beta.BetaTool[];
  /** The rest of every request of the conversation. */
  readonly request: Omit<Body, "model" | "messages">;
  readonly quota: Omit<Body, "model">;
  readonly title: Omit<Body, "model">;
  readonly turns: readonly (
    | { readonly says: Anthropic.Beta.BetaTextBlockParam[] }
    | { readonly results: readonly Omit<Anthropic.Beta.BetaToolResultBlockParam, "type" | "tool_use_id">[] }
  )[];
}

// The file is ours, and its shape is what the SDK's own types ask for when it is sent.
const SESSION = JSON.parse(readFileSync("test/fixtures/agents/claude-code.json", "utf8")) as Session;
export const { betas: BETAS, tools: TOOLS, turns: TURNS } = SESSION;

/** One call of the agent: what it sent, byte for byte, and the message that it made of the answer. */
export interface AgentCall {
  readonly sent: string;
  readonly message: BetaMessage;
  readonly events: readonly Anthropic.Beta.BetaRawMessageStreamEvent[];
  readonly headers: Headers;
}

/** Claude Code at work: the official SDK with its headers, and a conversation that grows with what the model answers. */
export class ClaudeCode {
  readonly #client: Anthropic;
  readonly #model: string;
  readonly #smallModel: string;
  #messages: BetaMessageParam[] = [];
  #sent: string[] = [];
  #requests = 0;

  constructor(gateway: TestGateway, model: string, smallModel: string) {
    this.#model = model;
    this.#smallModel = smallModel;
    this.#client = new Anthropic({
      // ANTHROPIC_AUTH_TOKEN: the key goes as a bearer token.
      authToken: gateway.key,
      apiKey: null,
      baseURL: gateway.url,
      maxRetries: 0,
      defaultHeaders: SESSION.headers,
      fetch: (url, init) => {
        this.#sent.push(String(init?.body));
        return fetch(url, init);
      },
    });
  }

  /** The calls before the first word: is there quota, and what is the session to be called. */
  async begin(): Promise<{ readonly quota: BetaMessage; readonly title: BetaMessage }> {
    const { messages } = this.#client.beta;
    const quota = await messages.create({ model: this.#smallModel, ...SESSION.quota });
    const title = await messages.stream({ model: this.#smallModel, ...SESSION.title }).finalMessage();
    return { quota, title };
  }

  /** Takes turn number `index` of the session: adds its part of the conversation, asks, and keeps the answer. */
  async take(index: number): Promise<AgentCall> {
    const turn = TURNS[index];
    if (turn === undefined) throw new Error(`The session has no turn ${index}.`);
    this.#messages.push({ role: "user", content: "says" in turn ? turn.says : this.#results(turn.results) });
    const events: AgentCall["events"][number][] = [];
    const stream = this.#client.beta.messages.stream(this.#body()).on("streamEvent", (event) => events.push(event));
    const { response, data } = await stream.withResponse();
    const message = await data.finalMessage();
    this.#messages.push({ role: "assistant", content: message.content });
    return { sent: this.#sent.at(-1) ?? "", message, events: structuredClone(events), headers: response.headers };
  }

  /** The tokens of the conversation up to the user's last part, as the agent asks for them before it compacts. */
  async countTokens(): Promise<number> {
    const { model, system = [], tools = [], betas = [] } = this.#body();
    const messages = this.#messages.slice(0, this.#messages.findLastIndex(({ role }) => role === "user") + 1);
    const counted = await this.#client.beta.messages.countTokens({ model, system, tools, betas, messages });
    return counted.input_tokens;
  }

  #body(): Body {
    this.#requests += 1;
    const [first, ...instructions] = SESSION.system;
    // Another value in every request.
    const text = first?.text.replace("cch=00000", `cch=${String(this.#requests).padStart(5, "0")}`) ?? "";
    return {
      model: this.#model,
      messages: marked(this.#messages),
      system: [{ type: "text" as const, text }, ...instructions],
      tools: SESSION.tools,
      ...SESSION.request,
      betas: SESSION.betas,
    };
  }

  #results(results: readonly object[]): Anthropic.Beta.BetaContentBlockParam[] {
    const calls = this.#messages.at(-1)?.content ?? [];
    const ids =
      typeof calls === "string" ? [] : calls.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
    if (ids.length !== results.length) throw new Error(`${ids.length} calls, and ${results.length} results for them.`);
    return results.map((result, index) => ({ tool_use_id: ids[index] ?? "", type: "tool_result", ...result }));
  }
}

/** The breakpoints of the prompt cache stand at the ends of the last two user messages, and move on with them. */
function marked(messages: readonly BetaMessageParam[]): BetaMessageParam[] {
  const users = messages.flatMap(({ role }, index) => (role === "user" ? [index] : [])).slice(-2);
  return messages.map((message, index) => {
    if (message.role !== "user" || typeof message.content === "string" || !users.includes(index)) return message;
    const [last, ...before] = message.content.toReversed();
    if (last?.type !== "text" && last?.type !== "tool_result") return message;
    return { ...message, content: [...before.toReversed(), { ...last, cache_control: { type: "ephemeral" } }] };
  });
}
