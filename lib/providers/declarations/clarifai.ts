import type { ProviderDeclaration } from "../provider-declaration.ts";

export const clarifai: ProviderDeclaration = {
  id: "clarifai",
  name: "Clarifai",
  baseUrl: "https://api.clarifai.com/v2/ext/openai/v1",
  apiKeyVariable: "CLARIFAI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
  // The vendor's own name for it: docs.clarifai.com/compute/inference/open-ai (read 2026-11-25)
  alsoKeyVariables: ["CLARIFAI_PAT"],
};
