import type { ProviderDeclaration } from "../provider-declaration.ts";

/** A second key for Vercel's gateway, kept apart from the first. */
export const aiSdk: ProviderDeclaration = {
  id: "ai-sdk",
  name: "Vercel AI SDK endpoint",
  baseUrl: "https://ai-gateway.vercel.sh/v1",
  apiKeyVariable: "AI_SDK_API_KEY",
  capabilities: ["chat", "streaming"],
};
