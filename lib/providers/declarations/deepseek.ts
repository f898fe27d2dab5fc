import type { ProviderDeclaration } from "../provider-declaration.ts";

export const deepSeek: ProviderDeclaration = {
  id: "deepseek",
  name: "DeepSeek",
  baseUrl: "https://api.deepseek.com/v1",
  apiKeyVariable: "DEEPSEEK_API_KEY",
  rename: { max_completion_tokens: "max_tokens" },
};
