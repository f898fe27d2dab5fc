/** How a provider makes its own id of a model from the canonical `vendor/name`. */
export interface ModelIdConvention {
  /**
   * `name`: the vendor left out. `vendor/name`: the canonical id as it is. `hub`: the model's repository at Hugging Face, in
   * its own case. `listed`: by no rule, only what the catalog or the list of native ids says; nothing is guessed.
   */
  readonly form: "name" | "vendor/name" | "hub" | "listed";
  /** Only these vendors' models go by the rule. Absent: all. */
  readonly vendors?: readonly string[];
  /** Before the id. */
  readonly prefix?: string;
  /** After the id. */
  readonly suffix?: string;
  /** What the dot of a version is written as: `claude-opus-4-6`. */
  readonly dot?: string;
}

const listed: ModelIdConvention = { form: "listed" };
const hub: ModelIdConvention = { form: "hub" };
const canonical: ModelIdConvention = { form: "vendor/name" };
const bare: ModelIdConvention = { form: "name" };
const own = (...vendors: readonly string[]): ModelIdConvention => ({ form: "name", vendors });

/** By provider, from each provider's own documentation of its ids as collected in the providers' fact sheet. */
export const MODEL_ID_CONVENTIONS: Readonly<Record<string, ModelIdConvention>> = {
  // Vendors of their own models
  openai: own("openai"),
  anthropic: { ...own("anthropic"), dot: "-" },
  "google-ai-studio": own("google"),
  "google-vertex": own("google"),
  xai: own("x-ai"),
  deepseek: own("deepseek"),
  mistral: own("mistralai"),
  cohere: own("cohere"),
  perplexity: own("perplexity"),
  zai: own("z-ai"),
  moonshot: own("moonshotai"),
  xiaomi: own("xiaomi"),
  meta: own("meta"),
  "alibaba-cloud": own("qwen"),
  // Its names are capitalised, but not by a rule.
  minimax: listed,
  // Everybody's models by their canonical ids
  openrouter: canonical,
  "vercel-ai-gateway": canonical,
  "ai-sdk": canonical,
  anannas: canonical,
  novita: canonical,
  portkey: { form: "vendor/name", prefix: "@" },
  // By their bare names
  helicone: bare,
  aihubmix: bare,
  notdiamond: bare,
  onerouter: { form: "name", suffix: "@latest" },
  // By their repositories
  huggingface: hub,
  featherless: hub,
  near: hub,
  nebius: hub,
  nosana: hub,
  deepinfra: hub,
  siliconflow: hub,
  simplismart: hub,
  sybil: hub,
  together: hub,
  chutes: hub,
  // By lists of their own
  "azure-openai": listed,
  bedrock: listed,
  groq: listed,
  cerebras: listed,
  fireworks: listed,
  "cloudflare-workers-ai": listed,
  clarifai: listed,
  aimo: listed,
  akash: listed,
  "alpaca-network": listed,
  canopywave: listed,
  chatterbox: listed,
  fal: listed,
  modelz: listed,
  morpheus: listed,
  sambanova: listed,
  soundsgood: listed,
};
