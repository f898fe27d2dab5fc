import { describeTasksThroughGateway } from "./task-suite.ts";

describeTasksThroughGateway("node");
