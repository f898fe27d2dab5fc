import type { ProviderDeclaration } from "../provider-declaration.ts";

export const deepInfra: ProviderDeclaration = {
  id: "deepinfra",
  name: "DeepInfra",
  baseUrl: "https://api.deepinfra.com/v1/openai",
  apiKeyVariable: "DEEPINFRA_API_KEY",
  capabilities: ["chat", "embeddings", "images", "audio_transcription", "audio_translation", "audio_speech"],
};
