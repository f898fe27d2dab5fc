import type { ClientFormatName } from "../protocol/client-format.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import { bedrockWire } from "./bedrock-wire.ts";
import { cohereWire } from "./cohere-wire.ts";
import { completionsWire } from "./completions-wire.ts";
import { aiSdk } from "./declarations/ai-sdk.ts";
import { aiHubMix } from "./declarations/aihubmix.ts";
import { aimo } from "./declarations/aimo.ts";
import { akash } from "./declarations/akash.ts";
import { alibabaCloud } from "./declarations/alibaba-cloud.ts";
import { alpacaNetwork } from "./declarations/alpaca-network.ts";
import { anannas } from "./declarations/anannas.ts";
import { anthropic } from "./declarations/anthropic.ts";
import { azureOpenAi } from "./declarations/azure-openai.ts";
import { bedrock } from "./declarations/bedrock.ts";
import { canopyWave } from "./declarations/canopywave.ts";
import { cerebras } from "./declarations/cerebras.ts";
import { chutes } from "./declarations/chutes.ts";
import { clarifai } from "./declarations/clarifai.ts";
import { cloudflareWorkersAi } from "./declarations/cloudflare-workers-ai.ts";
import { cohere } from "./declarations/cohere.ts";
import { deepInfra } from "./declarations/deepinfra.ts";
import { deepSeek } from "./declarations/deepseek.ts";
import { demo } from "./declarations/demo.ts";
import { featherless } from "./declarations/featherless.ts";
import { fireworks } from "./declarations/fireworks.ts";
import { googleAiStudio } from "./declarations/google-ai-studio.ts";
import { googleVertex } from "./declarations/google-vertex.ts";
import { groq } from "./declarations/groq.ts";
import { helicone } from "./declarations/helicone.ts";
import { huggingFace } from "./declarations/huggingface.ts";
import { meta } from "./declarations/meta.ts";
import { miniMax } from "./declarations/minimax.ts";
import { mistral } from "./declarations/mistral.ts";
import { moonshot } from "./declarations/moonshot.ts";
import { morpheus } from "./declarations/morpheus.ts";
import { near } from "./declarations/near.ts";
import { nebius } from "./declarations/nebius.ts";
import { nosana } from "./declarations/nosana.ts";
import { novita } from "./declarations/novita.ts";
import { ollama } from "./declarations/ollama.ts";
import { oneRouter } from "./declarations/onerouter.ts";
import { openAi } from "./declarations/openai.ts";
import { openRouter } from "./declarations/openrouter.ts";
import { perplexity } from "./declarations/perplexity.ts";
import { portkey } from "./declarations/portkey.ts";
import { sambaNova } from "./declarations/sambanova.ts";
import { siliconFlow } from "./declarations/siliconflow.ts";
import { simpliSmart } from "./declarations/simplismart.ts";
import { soundsgood } from "./declarations/soundsgood.ts";
import { sybil } from "./declarations/sybil.ts";
import { together } from "./declarations/together.ts";
import { vercelAiGateway } from "./declarations/vercel-ai-gateway.ts";
import { xAi } from "./declarations/xai.ts";
import { xiaomi } from "./declarations/xiaomi.ts";
import { zAi } from "./declarations/zai.ts";
import { geminiWire } from "./gemini-wire.ts";
import { openAiWire } from "./openai-wire.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import { responsesWire } from "./responses-wire.ts";
import { vertexAnthropicWire, vertexGeminiWire } from "./vertex-wires.ts";
import type { WireFormat, WireName } from "./wire-format.ts";

/** Every provider that Gangway can call. Adding one: its declaration, a line here, a fixture. */
export const PROVIDERS: readonly ProviderDeclaration[] = [
  openAi,
  anthropic,
  googleAiStudio,
  googleVertex,
  bedrock,
  azureOpenAi,
  cohere,
  cloudflareWorkersAi,
  openRouter,
  groq,
  together,
  fireworks,
  deepInfra,
  cerebras,
  deepSeek,
  mistral,
  xAi,
  vercelAiGateway,
  featherless,
  chutes,
  nebius,
  novita,
  huggingFace,
  aimo,
  near,
  helicone,
  alpacaNetwork,
  alibabaCloud,
  clarifai,
  oneRouter,
  zAi,
  simpliSmart,
  sybil,
  aiHubMix,
  anannas,
  morpheus,
  canopyWave,
  akash,
  nosana,
  aiSdk,
  portkey,
  soundsgood,
  moonshot,
  miniMax,
  xiaomi,
  meta,
  perplexity,
  sambaNova,
  siliconFlow,
  ollama,
  demo,
];

const WIRES: Readonly<Record<WireName, WireFormat>> = {
  openai: openAiWire,
  anthropic: anthropicWire,
  gemini: geminiWire,
  responses: responsesWire,
  completions: completionsWire,
  "vertex-gemini": vertexGeminiWire,
  "vertex-anthropic": vertexAnthropicWire,
  cohere: cohereWire,
  bedrock: bedrockWire,
};

/** The provider of a slug, or of a name as people write it: `openai`, `OpenAI`. Null: nobody's. */
export function findProvider(name: string): ProviderDeclaration | null {
  const wanted = name.toLowerCase();
  return PROVIDERS.find(({ id, name: full }) => id === wanted || full.toLowerCase() === wanted) ?? null;
}

export function wireNamed(name: WireName): WireFormat {
  return WIRES[name];
}

/** The format that a provider speaks first. */
export function wireOf(provider: ProviderDeclaration): WireFormat {
  return WIRES[provider.wire ?? "openai"];
}

/** The format in which it is asked by a client of `format`: one that passes through, else its first. */
export function wireFor(provider: ProviderDeclaration, format: ClientFormatName | null): WireFormat {
  const first = wireOf(provider);
  if (format === null || first.passesThrough === format || provider.alsoSpeaks === undefined) return first;
  const others = Object.values(WIRES).filter(({ name }) => provider.alsoSpeaks?.[name] !== undefined);
  return others.find(({ passesThrough }) => passesThrough === format) ?? first;
}
