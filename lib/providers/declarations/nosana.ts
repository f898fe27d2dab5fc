import type { ProviderDeclaration } from "../provider-declaration.ts";

export const nosana: ProviderDeclaration = {
  id: "nosana",
  name: "Nosana",
  baseUrl: "https://dashboard.k8s.prd.nos.ci/api/v1",
  apiKeyVariable: "NOSANA_API_KEY",
  capabilities: ["chat", "streaming", "images", "audio_transcription"],
};
