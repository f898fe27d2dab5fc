import type { ProviderDeclaration } from "../provider-declaration.ts";

export const xAi: ProviderDeclaration = {
  id: "xai",
  name: "xAI",
  baseUrl: "https://api.x.ai/v1",
  apiKeyVariable: "XAI_API_KEY",
  // docs.x.ai/developers/faq/security (read 2026-11-25); prompts are kept for 30 days
  trainsOnPrompts: false,
  // Its reasoning models think for minutes before the first token.
  firstTokenTimeoutMs: 600_000,
};
