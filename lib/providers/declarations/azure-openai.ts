import type { ProviderDeclaration } from "../provider-declaration.ts";

/**
 * Azure's v1 surface, where the model is the deployment's name and no version is asked for
 * (learn.microsoft.com/azure/foundry/openai/api-version-lifecycle, read 2026-11-25).
 */
export const azureOpenAi: ProviderDeclaration = {
  id: "azure-openai",
  name: "Azure OpenAI",
  baseUrl: "https://{resource}.openai.azure.com/openai/v1",
  apiKeyVariable: "AZURE_OPENAI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "logprobs"],
  variables: { resource: { name: "AZURE_OPENAI_RESOURCE_NAME" } },
  authorization: "api-key",
  // Verdicts of its content filter are in every choice, and in chunks of their own without any.
  translatesReplies: true,
};
