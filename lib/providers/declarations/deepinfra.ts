import type { ProviderDeclaration } from "../provider-declaration.ts";

export const deepInfra: ProviderDeclaration = {
  id: "deepinfra",
  name: "DeepInfra",
  baseUrl: "https://api.deepinfra.com/v1/openai",
  apiKeyVariable: "DEEPINFRA_API_KEY",
  alsoSpeaks: { completions: null },
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "images",
    "embeddings",
    "audio_transcription",
    "audio_translation",
    "audio_speech",
  ],
  stripFromReply: ["usage.estimated_cost"],
};
