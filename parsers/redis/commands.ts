/** What is known of each command: how much of it may stand in `db.query.text`, and which types its reply may have. */

/** Arguments that `db.query.text` shows: a number of them, all, or a key and then every other one (`HSET key field ? …`). */
export type Shown = number | "all" | "pairs" | "keyPairs";

export interface CommandFacts {
	/** In capitals. */
	readonly name: string;
	readonly isKnown: boolean;
	readonly shown: Shown;
	/** First bytes of its replies beside errors; empty: any. */
	readonly replies: string;
	/** Confirmations instead of one reply: SUBSCRIBE and the like. */
	readonly isSubscription: boolean;
	/** May be sent while subscribed in RESP2. */
	readonly isPubSub: boolean;
	/** Its arguments decide how it is taken, so all of them are looked at before it is. */
	readonly isWhole: boolean;
}

const STATUS = "+";
const NUMBER = ":";
const STRING = "$_";
const LIST = "*%~_";
const ANY = "";

/** `replies`, then groups of names by what is shown of them. */
const TABLE: readonly (readonly [replies: string, shown: Shown, names: string])[] = [
	[
		STATUS,
		"all",
		"FLUSHALL FLUSHDB RENAME SELECT QUIT RESET MULTI DISCARD WATCH UNWATCH SAVE BGSAVE BGREWRITEAOF ASKING",
	],
	[STATUS, "all", "READONLY READWRITE REPLICAOF SLAVEOF SWAPDB LTRIM TYPE MONITOR PFMERGE FAILOVER"],
	[STATUS, 1, "LSET SETEX PSETEX RESTORE"],
	[STATUS, "pairs", "MSET"],
	[STATUS, 0, "AUTH MIGRATE"],
	[
		NUMBER,
		"all",
		"APPEND DECR INCR DEL UNLINK EXISTS TOUCH EXPIRE PEXPIRE EXPIREAT PEXPIREAT EXPIRETIME PEXPIRETIME TTL PTTL PERSIST",
	],
	[
		NUMBER,
		"all",
		"DBSIZE HLEN LLEN SCARD ZCARD STRLEN XLEN HEXISTS HDEL RENAMENX MOVE COPY SINTERSTORE SUNIONSTORE SDIFFSTORE",
	],
	[
		NUMBER,
		"all",
		"PFCOUNT BITCOUNT BITOP GETBIT ZCOUNT ZLEXCOUNT ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX HSTRLEN",
	],
	[
		NUMBER,
		"all",
		"ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZRANGESTORE GEOSEARCHSTORE XDEL XTRIM XACK LASTSAVE WAIT SINTERCARD ZINTERCARD",
	],
	[
		NUMBER,
		1,
		"LPUSH RPUSH LPUSHX RPUSHX LINSERT LREM SADD SREM SMOVE SISMEMBER SETNX GETSET SETRANGE SETBIT PFADD ZREM GEOADD",
	],
	[NUMBER, 1, "PUBLISH SPUBLISH"],
	[NUMBER, 2, "HSETNX HINCRBY INCRBY DECRBY"],
	[NUMBER, "pairs", "MSETNX"],
	[NUMBER, "keyPairs", "HSET"],
	[STATUS, "keyPairs", "HMSET"],
	[STRING, "all", "GET GETDEL GETEX GETRANGE SUBSTR HGET RANDOMKEY DUMP LMOVE RPOPLPUSH BLMOVE BRPOPLPUSH HRANDFIELD"],
	[STRING, 2, "INCRBYFLOAT HINCRBYFLOAT"],
	[STRING, 1, "ZINCRBY XADD"],
	["+$_", 1, "SET"],
	[LIST, "all", "MGET HGETALL HKEYS HVALS HMGET LRANGE SMEMBERS SINTER SUNION SDIFF ZRANGE ZREVRANGE ZRANGEBYSCORE"],
	[
		LIST,
		"all",
		"ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX BLPOP BRPOP BZPOPMIN BZPOPMAX BLMPOP BZMPOP LMPOP ZMPOP KEYS SCAN",
	],
	[
		LIST,
		"all",
		"HSCAN SSCAN ZSCAN XRANGE XREVRANGE XREAD XREADGROUP XPENDING XCLAIM XAUTOCLAIM ZPOPMIN ZPOPMAX GEOPOS GEOHASH",
	],
	[LIST, "all", "GEOSEARCH GEORADIUS GEORADIUSBYMEMBER GEORADIUS_RO GEORADIUSBYMEMBER_RO ROLE TIME HELLO WAITAOF"],
	[LIST, "all", "ZUNION ZINTER ZDIFF SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE"],
	[LIST, 1, "SMISMEMBER ZMSCORE"],
	["*_", "all", "EXEC"],
	[
		ANY,
		"all",
		"PING SPOP LPOP RPOP SRANDMEMBER SORT SORT_RO ZSCORE ZRANK ZREVRANK ZRANDMEMBER INFO OBJECT MEMORY CLUSTER",
	],
	[
		ANY,
		"all",
		"COMMAND XGROUP XINFO XSETID PSYNC SYNC REPLCONF LOLWUT SHUTDOWN LATENCY SLOWLOG PUBSUB MODULE BITFIELD_RO LCS",
	],
	[
		ANY,
		1,
		"ZADD LPOS BITPOS BITFIELD GEODIST CLIENT CONFIG ACL SCRIPT FUNCTION DEBUG SENTINEL HEXPIRE HPEXPIRE HTTL HPERSIST",
	],
	[
		ANY,
		1,
		"HGETDEL HGETEX HSETEX KEYDB.CRON KEYDB.HRENAME EXPIREMEMBER JSON.SET JSON.GET JSON.MGET FT.SEARCH FT.CREATE",
	],
	[ANY, 0, "ECHO EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO RESTORE-ASKING PFDEBUG PFSELFTEST"],
];

const WHOLE = new Set(
	"CLIENT CONFIG ACL HELLO AUTH MIGRATE SENTINEL SELECT SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE".split(
		" ",
	),
);
const PUBSUB = new Set(["PING", "QUIT", "RESET"]);

const KNOWN = new Map<string, CommandFacts>();
for (const [replies, shown, names] of TABLE)
	for (const name of names.split(" ")) KNOWN.set(name, factsOf(name, true, shown, replies));

function factsOf(name: string, isKnown: boolean, shown: Shown, replies: string): CommandFacts {
	const isSubscription = name.endsWith("SUBSCRIBE");
	const isPubSub = isSubscription || PUBSUB.has(name);
	return { name, isKnown, shown, replies, isSubscription, isPubSub, isWhole: WHOLE.has(name) };
}

/** Names longer than this are not looked up. */
export const MAX_NAME_BYTES = 128;
/** A command that is not in the table: modules, newer servers. Such a name is letters, digits and a little more. */
const PLAUSIBLE = /^[A-Z][A-Z0-9._-]*$/;

/** Null: no server has a command of this name. */
export function commandNamed(name: string): CommandFacts | null {
	const known = KNOWN.get(name);
	if (known !== undefined) return known;
	const upper = name.toUpperCase();
	const found = KNOWN.get(upper);
	if (found !== undefined) return found;
	return PLAUSIBLE.test(upper) ? factsOf(upper, false, 0, ANY) : null;
}
