import type { ClientFormatName } from "../protocol/client-format.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import { cohereWire } from "./cohere-wire.ts";
import { anthropic } from "./declarations/anthropic.ts";
import { azureOpenAi } from "./declarations/azure-openai.ts";
import { cerebras } from "./declarations/cerebras.ts";
import { cloudflareWorkersAi } from "./declarations/cloudflare-workers-ai.ts";
import { cohere } from "./declarations/cohere.ts";
import { deepInfra } from "./declarations/deepinfra.ts";
import { deepSeek } from "./declarations/deepseek.ts";
import { demo } from "./declarations/demo.ts";
import { fireworks } from "./declarations/fireworks.ts";
import { googleAiStudio } from "./declarations/google-ai-studio.ts";
import { googleVertex } from "./declarations/google-vertex.ts";
import { groq } from "./declarations/groq.ts";
import { mistral } from "./declarations/mistral.ts";
import { ollama } from "./declarations/ollama.ts";
import { openAi } from "./declarations/openai.ts";
import { openRouter } from "./declarations/openrouter.ts";
import { together } from "./declarations/together.ts";
import { xAi } from "./declarations/xai.ts";
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
  ollama,
  demo,
];

const WIRES: Readonly<Record<WireName, WireFormat>> = {
  openai: openAiWire,
  anthropic: anthropicWire,
  gemini: geminiWire,
  "vertex-gemini": vertexGeminiWire,
  "vertex-anthropic": vertexAnthropicWire,
  cohere: cohereWire,
  responses: responsesWire,
};

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
