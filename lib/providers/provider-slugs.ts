import { MODEL_ID_CONVENTIONS } from "./model-id-conventions.ts";
import { PROVIDERS } from "./provider-list.ts";

/** What providers are called elsewhere: by LiteLLM (docs.litellm.ai/docs/providers, read 2026-11-25), or as a vendor of models. */
const ELSEWHERE: readonly (readonly [string, string])[] = [
  ["cloudflare", "cloudflare-workers-ai"],
  ["dashscope", "alibaba-cloud"],
  ["fal-ai", "fal"],
  ["fireworks_ai", "fireworks"],
  ["gemini", "google-ai-studio"],
  ["moonshotai", "moonshot"],
  ["together_ai", "together"],
  ["vercel", "vercel-ai-gateway"],
  ["vertex_ai", "google-vertex"],
  ["x-ai", "xai"],
  ["z-ai", "zai"],
];

const SLUGS: ReadonlyMap<string, string> = new Map([
  ...ELSEWHERE,
  ...PROVIDERS.flatMap(({ id, aliases = [] }) => aliases.map((alias) => [alias, id] as const)),
  ...[...Object.keys(MODEL_ID_CONVENTIONS), ...PROVIDERS.map(({ id }) => id)].map((id) => [id, id] as const),
]);

/** The provider that is meant by a lower-case slug, its own or another of its names; null where it is nobody's. */
export function providerOfSlug(slug: string): string | null {
  return SLUGS.get(slug) ?? null;
}
