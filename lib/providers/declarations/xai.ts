import type { ProviderDeclaration } from "../provider-declaration.ts";

export const xAi: ProviderDeclaration = {
  id: "xai",
  name: "xAI",
  baseUrl: "https://api.x.ai/v1",
  apiKeyVariable: "XAI_API_KEY",
  capabilities: ["chat", "images"],
  // Its reasoning models think for minutes before the first token.
  firstTokenTimeoutMs: 600_000,
};
