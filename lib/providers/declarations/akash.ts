import type { ProviderDeclaration } from "../provider-declaration.ts";

export const akash: ProviderDeclaration = {
  id: "akash",
  name: "AkashML",
  baseUrl: "https://api.akashml.com/v1",
  apiKeyVariable: "AKASH_API_KEY",
  capabilities: ["chat", "streaming"],
};
