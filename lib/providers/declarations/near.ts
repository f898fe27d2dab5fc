import type { ProviderDeclaration } from "../provider-declaration.ts";

export const near: ProviderDeclaration = {
  id: "near",
  name: "NEAR AI Cloud",
  baseUrl: "https://cloud-api.near.ai/v1",
  apiKeyVariable: "NEAR_API_KEY",
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "embeddings",
    "rerank",
    "images",
    "audio_transcription",
  ],
  // As models.dev has it.
  alsoKeyVariables: ["NEARAI_API_KEY"],
  firstTokenTimeoutMs: 120_000,
};
