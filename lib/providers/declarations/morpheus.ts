import type { ProviderDeclaration } from "../provider-declaration.ts";

export const morpheus: ProviderDeclaration = {
  id: "morpheus",
  name: "Morpheus",
  baseUrl: "https://api.mor.org/api/v1",
  apiKeyVariable: "MORPHEUS_API_KEY",
  capabilities: ["chat", "streaming", "tools", "embeddings", "audio_speech", "audio_transcription"],
};
