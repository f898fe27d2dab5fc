import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { JsonObject, JsonValue } from "../../lib/protocol/json.ts";
import type { TestAccount } from "../support/register-account.ts";
import type { TestGateway } from "../support/start-gateway.ts";
import { collect } from "./collect.ts";

/** What an official client has made of an answer. */
export interface SdkAnswer {
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: JsonValue }[];
}

export interface SdkQuestion {
  readonly client: "openai" | "anthropic";
  readonly stream: boolean;
  readonly model: string;
  readonly text: string;
  /** OpenAI's system message, Anthropic's system prompt. */
  readonly system?: string;
  /** More fields of the body, in the client's own format. */
  readonly extra?: JsonObject;
  readonly account?: TestAccount;
}

export function openAiClient(gateway: TestGateway, { key }: TestAccount = gateway): OpenAI {
  return new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
}

export function anthropicClient(gateway: TestGateway, { key }: TestAccount = gateway): Anthropic {
  return new Anthropic({ apiKey: key, baseURL: gateway.url, maxRetries: 0 });
}

/** Asks by an official client, which throws what it takes for an error. */
export function askBySdk(gateway: TestGateway, question: SdkQuestion): Promise<SdkAnswer> {
  return question.client === "openai" ? askOpenAi(gateway, question) : askAnthropic(gateway, question);
}

async function askOpenAi(gateway: TestGateway, question: SdkQuestion): Promise<SdkAnswer> {
  const { model, stream, text, system, extra = {}, account = gateway } = question;
  const { completions } = openAiClient(gateway, account).chat;
  const before = system === undefined ? [] : [{ role: "system" as const, content: system }];
  const body = { model, messages: [...before, { role: "user" as const, content: text }], ...extra };
  const reply = stream
    ? await completions.stream(body).finalChatCompletion()
    : await completions.create({ ...body, stream: false });
  const message = reply.choices[0]?.message;
  const calls = (message?.tool_calls ?? []).flatMap((call) => (call.type === "function" ? [call] : []));
  return {
    text: message?.content ?? "",
    calls: calls.map(({ id, function: { name, arguments: json } }) => ({ id, name, input: JSON.parse(json) })),
  };
}

async function askAnthropic(gateway: TestGateway, question: SdkQuestion): Promise<SdkAnswer> {
  const { model, stream, text, system, extra = {}, account = gateway } = question;
  const { messages } = anthropicClient(gateway, account);
  const body = {
    model,
    max_tokens: 4_000,
    messages: [{ role: "user" as const, content: text }],
    ...(system === undefined ? {} : { system }),
    ...extra,
  };
  const { content } = stream
    ? await messages.stream(body).finalMessage()
    : await messages.create({ ...body, stream: false });
  return {
    text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
    // What a model calls a tool with has been parsed from JSON.
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input as JsonValue }] : [],
    ),
  };
}

/** The text that a stream had said before it threw, and what it threw. */
export async function readUntilError(
  gateway: TestGateway,
  { client, model, text }: Pick<SdkQuestion, "client" | "model" | "text">,
): Promise<{ readonly text: string; readonly error: unknown }> {
  const said: string[] = [];
  const messages = [{ role: "user" as const, content: text }];
  try {
    if (client === "openai") {
      for await (const { choices } of await openAiClient(gateway).chat.completions.create({
        model,
        messages,
        stream: true,
      }))
        said.push(choices[0]?.delta.content ?? "");
    } else {
      const asked = { model, messages, max_tokens: 4_000, stream: true } as const;
      for await (const event of await anthropicClient(gateway).messages.create(asked))
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") said.push(event.delta.text);
    }
    return { text: said.join(""), error: null };
  } catch (error) {
    return { text: said.join(""), error };
  }
}

/** Every event of a message stream, as the Anthropic client gives it. */
export async function messageEvents(
  gateway: TestGateway,
  body: Omit<Anthropic.MessageCreateParamsStreaming, "stream">,
): Promise<readonly Anthropic.MessageStreamEvent[]> {
  return collect(await anthropicClient(gateway).messages.create({ ...body, stream: true }));
}
