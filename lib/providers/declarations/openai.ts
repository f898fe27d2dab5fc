import type { ProviderDeclaration } from "../provider-declaration.ts";

export const openAi: ProviderDeclaration = {
  id: "openai",
  name: "OpenAI",
  baseUrl: "https://api.openai.com/v1",
  apiKeyVariable: "OPENAI_API_KEY",
  // Reasoning models refuse max_tokens: platform.openai.com/docs/guides/reasoning (read 2026-11-23)
  modelQuirks: [{ models: /^(?:o\d|gpt-5)/, rename: { max_tokens: "max_completion_tokens" } }],
};
