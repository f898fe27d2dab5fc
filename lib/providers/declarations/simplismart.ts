import type { ProviderDeclaration } from "../provider-declaration.ts";

export const simpliSmart: ProviderDeclaration = {
  id: "simplismart",
  name: "SimpliSmart",
  baseUrl: "https://api.simplismart.live",
  apiKeyVariable: "SIMPLISMART_API_KEY",
  capabilities: ["chat", "streaming", "images", "audio_transcription"],
};
