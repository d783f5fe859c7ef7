// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The eBPF half of polytap's socket tracer. One object; the parts stand in the headers, in the order in which a byte meets them. */
#include "kernel.h"
#include "events.h"
#include "maps.h"
#include "bufferless.h"
#include "economy.h"
#include "socket.h"
#include "emit.h"
#include "datagram.h"
#include "buffers.h"
#include "layers.h"
#include "tls-sessions.h"
#include "tls-proof.h"
#include "tls.h"
#include "tls-probes.h"
#include "lifecycle.h"
#include "transfer.h"
#include "functions.h"
#include "wire.h"
#include "alive.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
