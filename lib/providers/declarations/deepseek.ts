import type { ProviderDeclaration } from "../provider-declaration.ts";

export const deepSeek: ProviderDeclaration = {
  id: "deepseek",
  name: "DeepSeek",
  baseUrl: "https://api.deepseek.com/v1",
  apiKeyVariable: "DEEPSEEK_API_KEY",
  // Wants its thoughts back within a tool loop: api-docs.deepseek.com/guides/thinking_mode (read 2026-11-24)
  understands: ["reasoning_content"],
  rename: { max_completion_tokens: "max_tokens" },
};
