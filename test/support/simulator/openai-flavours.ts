import type { JsonObject } from "../../../lib/protocol/json.ts";

/** What a server that speaks OpenAI's format does in its own way. */
export interface OpenAiFlavour {
  readonly name: string;
  readonly idPrefix: string;
  /** Fields of its own at the top of every object. */
  readonly head: JsonObject;
  readonly modelName: (asked: string) => string;
  /** A piece of reasoning as fields of a message or a delta; none where the server keeps it to itself. */
  readonly reasoning: (text: string) => JsonObject;
  readonly nativeFinish: boolean;
  /** Sends usage with the finish chunk, asked or not, rather than on a chunk of its own. */
  readonly usageOnFinish: boolean;
  /** Counts reasoning beside the completion tokens rather than inside them. */
  readonly reasoningApart: boolean;
  /** Sends a tool call in one chunk. */
  readonly wholeToolCalls: boolean;
  /** Comment lines before the first chunk. */
  readonly comments: readonly string[];
  /** A chunk without id or choices before the first. */
  readonly preface: JsonObject | null;
  /** Fields of its own in every choice. */
  readonly choiceExtra: JsonObject;
  readonly usageExtra: JsonObject;
  /** Puts its usage into the choice that ends, and nowhere else. */
  readonly usageInChoice: boolean;
  /** Reports, on every chunk, what it has come to so far. */
  readonly usageOnEveryChunk: boolean;
  /** Fields of its own beside those of a message or a delta. */
  readonly messageExtra: JsonObject;
  /** Writes the answer so far into `message` beside each delta. */
  readonly messageBesideDelta: boolean;
  readonly finishExtra: (usage: JsonObject | null) => JsonObject;
}

const PLAIN: OpenAiFlavour = {
  name: "compatible",
  idPrefix: "chatcmpl-",
  head: {},
  modelName: (asked) => asked,
  reasoning: (text) => (text === "" ? {} : { reasoning_content: text }),
  nativeFinish: false,
  usageOnFinish: false,
  reasoningApart: false,
  wholeToolCalls: false,
  comments: [],
  preface: null,
  choiceExtra: {},
  usageExtra: {},
  usageInChoice: false,
  usageOnEveryChunk: false,
  messageExtra: {},
  messageBesideDelta: false,
  finishExtra: () => ({}),
};

/** Habits seen in the vendors' API references, November 2026. */
const FLAVOURS: Readonly<Record<string, Partial<OpenAiFlavour>>> = {
  // A snapshot's name comes back for the name that was asked for; the reasoning itself is not shown.
  openai: {
    name: "openai",
    reasoning: () => ({}),
    modelName: (asked) => (/^gpt-4o(?:-mini)?$/.test(asked) ? `${asked}-2024-08-06` : asked),
  },
  openrouter: {
    idPrefix: "gen-",
    head: { provider: "Simulated" },
    nativeFinish: true,
    comments: ["OPENROUTER PROCESSING"],
    reasoning: (text) =>
      text === "" ? {} : { reasoning: text, reasoning_details: [{ type: "reasoning.text", text, index: 0 }] },
    usageExtra: { cost: 0.00042, is_byok: false },
  },
  // Its content filter's verdicts are everywhere.
  "azure-openai": {
    preface: { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results: [{ prompt_index: 0 }] },
    choiceExtra: { content_filter_results: { hate: { filtered: false, severity: "safe" } } },
  },
  groq: {
    reasoning: (text) => (text === "" ? {} : { reasoning: text }),
    wholeToolCalls: true,
    usageExtra: { queue_time: 0.018, prompt_time: 0.001, completion_time: 0.02, total_time: 0.021 },
    finishExtra: (usage) => ({ x_groq: { id: "req_simulated", ...(usage === null ? {} : { usage }) } }),
  },
  deepseek: { comments: ["keep-alive"], usageExtra: { prompt_cache_hit_tokens: 0 } },
  mistral: { usageOnFinish: true },
  together: { usageOnFinish: true, head: { prompt: [] } },
  fireworks: { usageOnFinish: true },
  xai: { reasoningApart: true, wholeToolCalls: true },
  deepinfra: { usageExtra: { estimated_cost: 0.00001 } },
  cerebras: { finishExtra: () => ({ time_info: { queue_time: 0.0001, total_time: 0.01 } }) },
  moonshot: { usageInChoice: true },
  // `input_sensitive` and its like on every object, an empty role in every delta.
  minimax: {
    head: { input_sensitive: false, output_sensitive: false, output_sensitive_int: 0 },
    messageExtra: { name: "MiniMax AI", audio_content: "" },
    usageExtra: { total_characters: 0 },
    reasoning: (text) =>
      text === "" ? {} : { reasoning_details: [{ type: "reasoning.text", format: "MiniMax-response-v1", text }] },
    finishExtra: () => ({ base_resp: { status_code: 0, status_msg: "" } }),
  },
  perplexity: {
    head: {
      citations: ["https://tides.example/"],
      search_results: [{ title: "Tides", url: "https://tides.example/", date: "2026-01-02" }],
    },
    usageExtra: { search_context_size: "low", citation_tokens: 3, num_search_queries: 1, cost: { total_cost: 0.005 } },
    usageOnEveryChunk: true,
    messageBesideDelta: true,
  },
  zai: { head: { request_id: "20261125014500simulated" }, usageOnFinish: true },
  "vercel-ai-gateway": {
    head: { generationId: "gen_simulated" },
    messageExtra: { provider_metadata: { gateway: { cost: "0.0000672", generationId: "gen_simulated" } } },
    usageExtra: { cost: 0.0000672, market_cost: 0.0000672, is_byok: false },
  },
  siliconflow: { usageOnEveryChunk: true },
};

export function flavourOf(provider: string): OpenAiFlavour {
  return { ...PLAIN, ...FLAVOURS[provider] };
}
