/** A provider's own way to write a model's id. */
interface NameFormat {
  readonly provider: string;
  readonly pattern: RegExp;
  /** The model's name within the id, as a pattern's first group. Absent: what stands after the last slash. */
  readonly name?: RegExp;
}

/** Hugging Face's inference providers, which follow a repository after a colon (huggingface.co/docs/inference-providers, read 2026-11-25). */
const INFERENCE_PROVIDERS =
  "hf-inference|black-forest-labs|cerebras|cohere|fal-ai|featherless-ai|fireworks-ai|groq|hyperbolic|nebius|novita|nscale|ovhcloud|publicai|replicate|sambanova|scaleway|together|wavespeed|zai-org|fastest|cheapest|preferred";

/** In order: the first that fits decides (CM-3.6). Names are in lower case. */
const FORMATS: readonly NameFormat[] = [
  { provider: "fireworks", pattern: /^accounts\/[^/]+\/(?:models|deployments)\// },
  { provider: "cloudflare-workers-ai", pattern: /^@(?:cf|hf)\// },
  { provider: "google-vertex", pattern: /^(?:@google\/models|publishers\/[^/]+\/models|projects\/.+\/models)\// },
  { provider: "google-ai-studio", pattern: /^models\/[^/]+$/ },
  {
    // docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html (read 2026-11-25), an inference profile's region before it
    provider: "bedrock",
    pattern:
      /^(?:[a-z-]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai|nvidia|openai|qwen|zai)\.[^/]+$/,
    name: /^(?:[a-z-]{2,6}\.)?[a-z0-9]+\.(.+?)(?:-\d{8})?(?:-v?\d+:\d+)?$/,
  },
  { provider: "huggingface", pattern: new RegExp(`^[^/:]+/[^/:]+:(?:${INFERENCE_PROVIDERS})$`), name: /\/([^/:]+):/ },
  { provider: "onerouter", pattern: /^[^/@]+@(?:latest|\d{8}|\d{4}-\d\d-\d\d)$/, name: /^([^@]+)/ },
  { provider: "clarifai", pattern: /^[^/]+\/[^/]+\/models\/[^/]+$/ },
  { provider: "openrouter", pattern: /^@(?!preset\/)[^/]+\/[^/]+$/ },
];

export interface FormattedName {
  readonly provider: string;
  readonly name: string;
}

/** The provider whose format a lower-case name has, and the model's name in it; null for a name in nobody's. */
export function formatOf(lower: string): FormattedName | null {
  const format = FORMATS.find(({ pattern }) => pattern.test(lower));
  if (format === undefined) return null;
  const name = format.name === undefined ? lower.slice(lower.lastIndexOf("/") + 1) : format.name.exec(lower)?.[1];
  return name === undefined ? null : { provider: format.provider, name };
}

/**
 * What is left of a model's name when everything goes that providers write differently: `Meta-Llama-3.1-8B-Instruct`,
 * `llama-v3p1-8b-instruct` and `llama-3.1-8b-instruct` are one.
 */
export function looseName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^meta-(?=llama)/, "")
    .replace(/-v1$/, "")
    .replace(/(?<=\d)p(?=\d)/g, "")
    .replace(/-v(?=\d)/g, "")
    .replace(/[^a-z0-9]/g, "");
}

/** Ids by what is left of their names; null where several models leave the same. A free variant is not its model. */
export function looseNames(models: readonly { readonly id: string }[]): ReadonlyMap<string, string | null> {
  const loose = new Map<string, string | null>([["", null]]);
  for (const { id } of models) {
    if (id.includes(":")) continue;
    const name = looseName(id.slice(id.indexOf("/") + 1));
    loose.set(name, loose.has(name) ? null : id);
  }
  return loose;
}

/** Who is asked first for a model that nothing else is known of, by its organisation (CM-3.7). */
const ORGANISATIONS: ReadonlyMap<string, string> = new Map([
  ["deepseek-ai", "fireworks"],
  ["hunyuan3d", "fal"],
  ["meshy", "fal"],
  ["qwen", "alibaba-cloud"],
  ["stabilityai", "fal"],
  ["tripo3d", "fal"],
]);
/** Whoever has no provider of its own is most likely there. */
const ANY_ORGANISATION = "openrouter";

/** The provider that suits the organisation of a lower-case name; null for a bare name, except of families with one home. */
export function providerOfOrganisation(lower: string): string | null {
  const slash = lower.indexOf("/");
  if (slash > 0) return ORGANISATIONS.get(lower.slice(0, slash)) ?? ANY_ORGANISATION;
  if (lower.startsWith("grok-")) return "xai";
  return lower.startsWith("gemini-") ? "google-vertex" : null;
}
