import type { Dialect } from "../dialect.js";
import { grpc, http2 } from "./http2.js";
import { mysql } from "./mysql.js";
import { postgresql } from "./postgresql.js";
import { redis } from "./redis.js";

/** Every protocol that can be compared. */
export const dialects: readonly Dialect[] = [grpc, http2, mysql, postgresql, redis];
