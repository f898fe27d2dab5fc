import type { ProviderDeclaration } from "../provider-declaration.ts";

export const huggingFace: ProviderDeclaration = {
  id: "huggingface",
  name: "Hugging Face",
  aliases: ["hug"],
  baseUrl: "https://router.huggingface.co/v1",
  apiKeyVariable: "HUGGINGFACE_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings"],
  alsoKeyVariables: ["HF_TOKEN", "HUG_API_KEY"],
  // A cold model is loaded first.
  firstTokenTimeoutMs: 120_000,
};
