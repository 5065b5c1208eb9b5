// SPDX-License-Identifier: BSD-2-Clause
#include "mta/events.h"

// What every line about one message says; the rest is its own.
#define WAY                                                                                                            \
    " id={mts_id} from={originator} to={recipient} size={size} priority={priority} peer={peer} "                       \
    "association={association} "                                                                                       \
    "local={local} remote={remote} delay={delay} delays={delays}"

static const struct event_def catalogue[EV_EVENTS] = {
    [EV_UNKNOWN_MTA] =
        {
            .id = 51,
            .level = EVENT_NOTICE,
            .name = "unknown-mta",
            .text = "An MTA[ that called itself \"{name}\"] tried to bind from {remote} on stack {stack} and was "
                    "refused: {what}",
            .key = "remote name",
            .meaning = "A caller came as far as its bind, but no peer has the MTA name that it gave, or the password "
                       "or a selector is not that of the peer. It was answered with authentication-error. Event 9301 "
                       "tells of the same refusal.",
            .causes = "Name or password differ between the two sides, also in the case of letters; a password was "
                      "changed on one side only; the peer is not configured here; somebody tries names.",
            .action = "Compare `remote name` and its password with what the peer's operator has for his own MTA. "
                      "During a change of password put both into the password file, a line each.",
        },
    [EV_ASSOCIATION_LIMIT] =
        {
            .id = 57,
            .level = EVENT_WARNING,
            .name = "association-limit",
            .text = "Peer {peer}: the limit of {limit} associations is reached; the call from {remote} on stack "
                    "{stack} was "
                    "refused as busy",
            .key = "peer",
            .meaning = "A peer that is known and has the right password wants more associations at once than its block "
                       "allows, and those that are there answered when TCP asked them for a sign of life, or could not "
                       "be told from dead ones within 3 s. It was answered with busy and will try again.",
            .causes = "The limits of the two sides differ.",
            .action = "Raise `associations at most` in the peer's block, or have it lowered at the peer. `x400 show "
                      "associations` lists those that are there.",
        },
    [EV_OPEN_FAILED] =
        {
            .id = 289,
            .level = EVENT_WARNING,
            .name = "open-failed",
            .text = "Peer {peer}: no association could be opened: {what}",
            .key = "peer",
            .meaning =
                "All pairs of stack and address of a peer were tried and none led to a bind; the text is that of the "
                "last. What waits for the peer stays in the queue.",
            .causes = "See the events 9318 before it: each names the step at which one attempt stopped.",
            .action = "`x400 ping PEER` shows the call layer by layer. The next attempt is told by event 301.",
        },
    [EV_NON_DELIVERY] =
        {
            .id = 290,
            .level = EVENT_NOTICE,
            .name = "non-delivery",
            .text = "Non-delivery report for {mts_id}, recipient {recipient}: {reason}, {diagnostic}: {what}",
            .meaning = "A message or probe could not go on to a recipient, and never will. Its originator gets a "
                       "non-delivery report, unless he asked for none.",
            .causes = "No route or delivery matches (unrecognised-OR-name); the content is longer than the peer's "
                      "`size limit` (content-too-long); the message is too old for its priority "
                      "(maximum-time-expired); it came back (loop-detected); a critical extension is not supported; "
                      "the attempts are used up (transfer-failure); an operator's `queue return`.",
            .action = "`x400 show message ID` shows each recipient with its reason; `x400 show route ADDRESS` which "
                      "route would take it.",
        },
    [EV_OPEN_RETRY] =
        {
            .id = 301,
            .level = EVENT_NOTICE,
            .name = "open-retry",
            .text = "Peer {peer}: the next attempt to open an association is in {seconds} s ({attempt} of {attempts})",
            .key = "peer",
            .meaning = "The open-retry timer of a peer has started. When all attempts have failed, what waits for the "
                       "peer is returned to its originators and the count begins anew.",
            .causes = "See event 289.",
            .action = "Nothing, or `x400 peer NAME connect` to try at once.",
            .loose = true,
        },
    [EV_ABNORMAL_END] =
        {
            .id = 1294,
            .level = EVENT_WARNING,
            .name = "association-ended",
            .text = "Peer {peer}: association {association} ({local} - {remote}) was ended abnormally by {by}: {what}",
            .key = "peer",
            .meaning =
                "An open association broke. By the peer: it aborted, or closed the connection. By the network: the "
                "connection was reset. By us: a timer ran out, the peer broke the protocol or was silent, or the "
                "local address is not on this machine any more; then the associations that bear it are told of "
                "at once. A transfer under way goes on over another association, from its start or, see event "
                "20107, its middle.",
            .causes = "The peer was stopped, or killed and its associations made room for those of the node that took "
                      "over; the network or a firewall dropped the connection; the cluster moved the "
                      "local address without `x400 stack NAME standby` before; the peer, or this program, made a "
                      "mistake in the protocol.",
            .action = "Nothing once. When it repeats: the text names the layer and the reason; give it to the peer's "
                      "operator.",
        },
    [EV_RECOVERY_BEGUN] =
        {
            .id = 2219,
            .level = EVENT_NOTICE,
            .name = "recovery-begun",
            .text = "The last stop was not orderly: the spool {dir} is being checked",
            .meaning = "The spool bears the mark of a daemon that did not close it.",
            .causes = "It was killed, it crashed, or the machine stopped.",
            .action = "Nothing; event 2207 tells what was found.",
        },
    [EV_RECOVERY_CHECKING] =
        {
            .id = 2206,
            .level = EVENT_NOTICE,
            .name = "recovery-checking",
            .text = "Checking the spool: {what}",
            .meaning = "A part of the spool is being checked: database (its structure, up to 256 MB of it), messages, "
                       "deliveries, contents.",
            .causes = "See event 2219.",
            .action = "Nothing.",
        },
    [EV_RECOVERY_FINISHED] =
        {
            .id = 2207,
            .level = EVENT_NOTICE,
            .name = "recovery-finished",
            .text = "The spool is checked: {messages} unfinished messages, {recipients} recipients, {intents} "
                    "deliveries under way, {damaged} damaged, {orphans} left-over files removed",
            .meaning = "The spool was checked after an unclean stop. Unfinished messages go on; left-over files are "
                       "those of transfers that were never acknowledged, so their senders have them still.",
            .causes = "See event 2219.",
            .action = "When something is damaged, see the events 20015 before it.",
        },
    [EV_RESOURCE_LIMIT] =
        {
            .id = 9156,
            .level = EVENT_WARNING,
            .name = "resource-limit",
            .text = "A resource limit was reached while opening an association[ with peer {peer}]: {what}",
            .key = "peer what",
            .meaning = "Memory or descriptors are short: an association, or a message of the queue, could not be taken "
                       "up. What is in the spool is not lost.",
            .causes = "A limit of the service (MemoryMax, LimitNOFILE, ulimit) that is too low; other programs.",
            .action = "Raise the limit that the text names. Messages that were left out are taken up at the next "
                      "start.",
        },
    [EV_ACCEPT_ERROR] =
        {
            .id = 9202,
            .level = EVENT_WARNING,
            .name = "accept-error",
            .text = "Stack {stack}: a call could not be accepted: {what}",
            .key = "stack",
            .meaning = "accept(2) failed; the listener goes on.",
            .causes = "Descriptors ran out; the caller went away.",
            .action = "Raise LimitNOFILE of the service.",
        },
    [EV_CONNECT_ERROR] =
        {
            .id = 9215,
            .level = EVENT_NOTICE,
            .name = "connect-error",
            .text = "Peer {peer}: connecting over stack {stack}[ from {local}] to {remote} failed: {what}",
            .key = "peer stack remote",
            .meaning = "A TCP connection could not be made. Event 9318 tells of the same attempt, with the likely "
                       "cause.",
            .causes = "Nothing listens there; a packet filter; a wrong address or port; the source address is not on "
                      "this machine.",
            .action = "Check `connect` in the peer's block, `source` in the stack's, and the network.",
        },
    [EV_FATAL_START] =
        {
            .id = 9266,
            .level = EVENT_ERROR,
            .name = "fatal-start",
            .text = "The daemon cannot start: {what}",
            .meaning = "Something that it cannot do without is missing. It ends with exit status 1.",
            .causes =
                "The spool cannot be read, is of a newer format, or is on a network file system; a control socket "
                "cannot be made or another daemon answers on it; memory.",
            .action = "The text says what; mend it and start again.",
        },
    [EV_NO_PEER_MATCHES] =
        {
            .id = 9301,
            .level = EVENT_WARNING,
            .name = "no-peer-matches",
            .text = "No configured peer matches the caller {remote} (network address {hex}) on stack {stack}[, MTA "
                    "name \"{name}\"]: {what}",
            .key = "remote name",
            .meaning =
                "A caller was refused, with authentication-error, because its name, password, selectors or address "
                "are those of no peer's block.",
            .causes = "The peer is not configured; name or password differ (event 51); it calls from an address that "
                      "its `accept from` does not list (a "
                      "second address, a cluster node's own instead of the virtual one, address translation); it binds "
                      "without credentials and no block allows that.",
            .action = "The text says for each peer that nearly matched what differed. Add the address to `accept "
                      "from`, or have the peer call from the one that is listed.",
        },
    [EV_CALL_FAILED] =
        {
            .id = 9318,
            .level = EVENT_WARNING,
            .name = "call-failed",
            .text = "Peer {peer}: the call[ over stack {stack}][ from {local}] to {remote} failed at the step {step}: "
                    "{what}[; likely: {cause}][; configured: {configured}]",
            .key = "peer stack remote",
            .meaning = "One attempt to call a peer, with one stack and one address, failed; the step says how far it "
                       "came. The next pair is tried; when it was the last one, event 289 follows.",
            .causes =
                "resolve: the name is unknown or no name server answers. connect: network, packet filter, address or "
                "port. transport, session, presentation: the called selector of that layer. association: application "
                "context. rtse: dialogue, or the peer is busy. bind: names and passwords.",
            .action = "The text names the likely cause and what is configured; `x400 ping PEER` shows what was "
                      "negotiated up to there, `x400 ping PEER --try-modes` which modes the peer speaks.",
        },
    [EV_LISTEN_FAILED] =
        {
            .id = 9321,
            .level = EVENT_ERROR,
            .name = "listen-failed",
            .text = "Stack {stack}: cannot listen on {address}: {what}; it is tried again[ every {seconds} s][ "
                    "({hint})]",
            .key = "stack",
            .meaning = "A listening address cannot be resolved or bound. The other stacks, and calls to peers, go on. "
                       "Told once for each different reason, not for each attempt.",
            .causes = "The address is not on this machine (a cluster's other node has it); another program has the "
                      "port; port 102 needs root or CAP_NET_BIND_SERVICE; the name does not resolve.",
            .action =
                "Mend the cause; the daemon tries again by itself, at once when an address arrives, and names when "
                "they can be asked for again. Of an address that a cluster moves say so, by `virtual` in the "
                "stack: it is then on standby (event 20021) where the address is not.",
        },
    [EV_BIND_BACK_FAILED] =
        {
            .id = 9322,
            .level = EVENT_WARNING,
            .name = "bind-back-failed",
            .text =
                "Peer {peer}: its call from {remote} on stack {stack} could not be called back at {endpoint} ({kind}), "
                "step {step}: {what}; {answer}",
            .key = "peer",
            .meaning = "The peer's block says `bind-back`: its call is followed by an association in the other "
                       "direction, and that could not be had. Each endpoint that was tried is named, with the step at "
                       "which it failed: resolve, connect, the layers, bind. With `required` the bind was refused as "
                       "busy and the peer tries its next stack, which declares another endpoint; with `optional` it "
                       "was accepted, and what waits for the peer is sent by ordinary calls.",
            .causes = "The endpoint is on a network that this machine is not on, behind a firewall, or does not "
                      "resolve here; the peer's `accept from` does not list it; the peer declares nothing (`bind-back "
                      "to` in its stack), or does not know our name and password; it does not answer within 20 s.",
            .action = "One such event for each network that the two machines do not share is what is to be expected of "
                      "peers with several. Else have the peer's operator declare an address that can be reached from "
                      "here, or put `configured` or `source` into the order of `bind-back`.",
        },
    [EV_STARTED] =
        {
            .id = 20001,
            .level = EVENT_NOTICE,
            .name = "started",
            .text = "x400d {version} is running as MTA {name}, {waiting} messages waiting",
            .meaning = "The daemon has started and serves its queue.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_STOPPING] =
        {
            .id = 20002,
            .level = EVENT_NOTICE,
            .name = "stopping",
            .text = "Stopping: {what}",
            .meaning = "The daemon was asked to stop: nothing new is taken, associations are released in order, at "
                       "most for 13 s.",
            .causes = "SIGTERM or SIGINT. A second one ends the waiting.",
            .action = "Nothing.",
        },
    [EV_STOPPED] =
        {
            .id = 20003,
            .level = EVENT_NOTICE,
            .name = "stopped",
            .text = "Stopped; the spool is closed",
            .meaning = "The daemon has stopped in order.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_CONF_LOADED] =
        {
            .id = 20010,
            .level = EVENT_NOTICE,
            .name = "configuration-loaded",
            .text = "The configuration {file} is in force: {what}",
            .meaning = "A configuration was loaded again. Associations of peers whose block changed are released and "
                       "opened anew.",
            .causes = "SIGHUP or `x400 reload`.",
            .action = "Nothing.",
        },
    [EV_CONF_ERROR] =
        {
            .id = 20011,
            .level = EVENT_ERROR,
            .name = "configuration-error",
            .text = "The configuration {file} has errors and was not taken: {what}",
            .meaning = "A configuration could not be loaded; the running one is unchanged.",
            .causes =
                "An error in the file; or a change of the spool's folder or a socket's path, which needs a new start.",
            .action = "`x400 check` shows every error with its line.",
        },
    [EV_CONF_WARNING] =
        {
            .id = 20012,
            .level = EVENT_WARNING,
            .name = "configuration-warning",
            .text = "{what}",
            .meaning = "Something in a configuration that was loaded again is doubtful, but does not prevent its use.",
            .causes = "Two equal routes; a password file that others can read; and the like: see the text.",
            .action = "Mend it.",
        },
    [EV_LISTENING] =
        {
            .id = 20013,
            .level = EVENT_INFO,
            .name = "listening",
            .text = "Stack {stack} listens on {address}",
            .meaning = "A stack is ready for calls.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_SPOOL_HELD] =
        {
            .id = 20014,
            .level = EVENT_WARNING,
            .name = "spool-held",
            .text = "Waiting for the spool {dir}: {what}",
            .key = "dir",
            .meaning =
                "Another daemon has the spool, or its disk is full. This one tries again five times a second for "
                "ten seconds, then every second; until it has the lock it answers `x400 show` and opens nothing.",
            .causes = "Two daemons with one configuration; a standby node on the same storage.",
            .action = "Nothing on a standby node. Else stop one of the two: the text names process and host. The lock "
                      "ends with its holder; never remove the file.",
        },
    [EV_SPOOL_DAMAGED] =
        {
            .id = 20015,
            .level = EVENT_ERROR,
            .name = "spool-damaged",
            .text = "Damaged in the spool: {what} (message {message})",
            .meaning = "Stored data does not agree with its checksum, or a content is missing. The message is never "
                       "sent; all others go on.",
            .causes = "A failing disk; a file of the spool that was removed or changed by hand.",
            .action = "Check the disk. Restore the spool from a copy, or have the sender send the message again.",
        },
    [EV_SPOOL_ERROR] =
        {
            .id = 20016,
            .level = EVENT_ERROR,
            .name = "spool-error",
            .text = "The spool cannot be written: {what}",
            .key = "what",
            .meaning = "A transaction failed. A message that was being taken is refused, so its sender keeps it; what "
                       "became of one that was sent is written again every 5 s until it succeeds.",
            .causes = "A full or failing disk.",
            .action = "The text has the system's reason. Nothing that was acknowledged is lost.",
        },
    [EV_SPACE_LOW] =
        {
            .id = 20017,
            .level = EVENT_ERROR,
            .name = "space-low",
            .text = "Free space of {dir} is below its reserve ({what}): new messages are refused as busy, sending and "
                    "delivering go on",
            .key = "dir",
            .meaning = "The file system of the spool is nearly full, in size or in inodes.",
            .causes = "Messages that wait for a peer that is down; other files on the same file system.",
            .action =
                "Make room. `x400 show queue` shows what waits; `reserve` in the configuration sets the threshold.",
        },
    [EV_SPACE_BACK] =
        {
            .id = 20018,
            .level = EVENT_NOTICE,
            .name = "space-back",
            .text = "Free space of {dir} is above its reserve again: new messages are taken",
            .meaning = "There is room again, a tenth more than the reserve.",
            .causes = "See event 20017.",
            .action = "Nothing.",
        },
    [EV_OPERATOR] =
        {
            .id = 20019,
            .level = EVENT_NOTICE,
            .name = "operator",
            .text = "User {uid} did: {what}",
            .meaning =
                "A command that changes something came over the control socket; the user id is that of its sender.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_STACK_STANDBY] =
        {
            .id = 20021,
            .level = EVENT_NOTICE,
            .name = "stack-standby",
            .text = "Stack {stack} is on standby: {what}",
            .meaning =
                "The stack neither listens nor calls. What waits for peers that have no other stack goes on waiting; "
                "no call is tried. It becomes active by itself as soon as its address can be used here, unless "
                "an operator or a cluster engine put it on standby.",
            .causes = "The virtual address is on another node; it is configured wrongly and on no node at all; another "
                      "host has the same IPv6 address; `x400 stack … standby`.",
            .action =
                "Nothing on a node that should not have the address. Else look at the cluster engine, and compare "
                "`listen on` and `source` with the addresses that `ip address` shows.",
        },
    [EV_STACK_ACTIVE] =
        {
            .id = 20022,
            .level = EVENT_NOTICE,
            .name = "stack-active",
            .text = "Stack {stack} is active",
            .meaning =
                "The stack was on standby. Its address is here now: it listens and calls, and what waited for its "
                "peers is sent.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_STACKS_BLIND] =
        {
            .id = 20023,
            .level = EVENT_WARNING,
            .name = "addresses-not-followed",
            .text = "{what}: every address counts as usable",
            .meaning =
                "The daemon cannot follow the addresses of the machine: a virtual stack is not put on standby when "
                "its address is elsewhere, but tries to listen and to call, and fails.",
            .causes = "A sandbox forbids netlink sockets (RestrictAddressFamilies= without AF_NETLINK, say).",
            .action = "Allow AF_NETLINK, and restart the daemon.",
        },
    [EV_SPOOL_AWAITED] =
        {
            .id = 20025,
            .level = EVENT_NOTICE,
            .name = "spool-awaited",
            .text = "Standing by, without the spool {dir}: {what}",
            .meaning =
                "The daemon runs, answers its sockets and follows addresses, but has no spool: no stack listens, "
                "nothing is called, taken or delivered here.",
            .causes =
                "The spool follows a stack whose address is not on this machine, or which is on standby; its file "
                "system is not mounted here.",
            .action = "On a standby node nothing. On the node that should be active: see that the address and the file "
                      "system are there; `x400 show status` and `x400 show stacks` say what is missing.",
        },
    [EV_SPOOL_TAKEN] =
        {
            .id = 20026,
            .level = EVENT_NOTICE,
            .name = "spool-taken",
            .text = "The spool {dir} is ours now, {waiting} messages waiting",
            .meaning = "The daemon had to wait for the spool, and got it: its stacks listen and call.",
            .causes = "The other node stopped, was put on standby, or died; the address of the stack that the spool "
                      "follows has come.",
            .action = "Nothing.",
        },
    [EV_SPOOL_CLOSING] =
        {
            .id = 20027,
            .level = EVENT_NOTICE,
            .name = "spool-closing",
            .text = "The spool {dir} is being given up: {what}",
            .meaning =
                "The stack that the spool follows is not usable here any more. Associations are released, or cut "
                "off when the address has gone; what is on its way to the disk gets there; then event 20028.",
            .causes = "The cluster moves the address; `x400 stack NAME standby`; the interface went down.",
            .action = "Nothing, when the move is meant.",
        },
    [EV_SPOOL_RELEASED] =
        {
            .id = 20028,
            .level = EVENT_NOTICE,
            .name = "spool-released",
            .text = "The spool {dir} is closed and its lock given back: {what}",
            .meaning = "Another daemon can have the spool from now on. This one waits.",
            .causes = "See event 20027.",
            .action = "Nothing.",
        },
    [EV_ASSOCIATION_UP] =
        {
            .id = 20101,
            .level = EVENT_INFO,
            .name = "association-up",
            .text =
                "Peer {peer}: association {association} is up ({direction}, {local} - {remote}, stack {stack}): {what}",
            .meaning =
                "A bind was accepted, by the peer (outgoing) or by us (incoming). The text has what was negotiated.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_ASSOCIATION_DOWN] =
        {
            .id = 20102,
            .level = EVENT_INFO,
            .name = "association-down",
            .text = "Peer {peer}: association {association} was released: {what}",
            .meaning = "An association ended in order.",
            .causes = "It was idle, or older than its lifetime; the peer's block changed; either side stopped.",
            .action = "Nothing.",
        },
    [EV_TRANSFER_FAILED] =
        {
            .id = 20103,
            .level = EVENT_WARNING,
            .name = "transfer-failed",
            .text = "Peer {peer}: the transfer of {mts_id} failed and is tried again in {seconds} s: {what}",
            .key = "peer",
            .meaning = "A transfer did not come to its acknowledgement. Only a peer's refusal counts as one of the "
                       "attempts of `transfer retry`; a broken connection, and a peer that is short of room, do not.",
            .causes = "The peer refused the message, or the association broke.",
            .action = "Nothing once; when it repeats with the same message, ask the peer's operator with the text.",
        },
    [EV_CALLER_FAILED] =
        {
            .id = 20104,
            .level = EVENT_NOTICE,
            .name = "caller-failed",
            .text = "Stack {stack}: a call from {remote} ended at the step {step}: {what}",
            .key = "stack remote step",
            .meaning = "A caller did not come as far as its bind, or went away before it was answered.",
            .causes = "A port scan; a monitoring probe; a called selector that this stack does not have; a peer of "
                      "another mode or dialogue; a caller that said nothing for 60 s; more than 16 callers of one "
                      "address, or 256 in all, that have not bound yet.",
            .action = "When it is a peer: the step names the layer; compare the selectors with those of the stack.",
            .loose = true,
        },
    [EV_RECEIVE_REFUSED] =
        {
            .id = 20105,
            .level = EVENT_WARNING,
            .name = "receive-refused",
            .text = "Peer {peer}: a transfer was refused: {what}",
            .key = "peer",
            .meaning = "What a peer sent could not be taken. It has been told, and keeps the message.",
            .causes = "No room (the peer tries again later); octets that are no MTS-APDU, or one past a limit.",
            .action = "Make room, or give the text to the peer's operator.",
        },
    [EV_TURN_LATE] =
        {
            .id = 20106,
            .level = EVENT_WARNING,
            .name = "turn-late",
            .text = "Peer {peer}: association {association}: the turn was asked for {seconds} s ago and did not come",
            .key = "peer",
            .meaning =
                "Something waits for the peer, which has the turn of a two-way alternate association, sends nothing "
                "and does not give it. If it can be called, it is; an association that we opened is closed first.",
            .causes = "A peer that does not understand the dialogue, hangs, or believes that the turn is ours.",
            .action = "When it repeats: `dialogue monologue` in the peer's block, if it can be called.",
            .loose = true,
        },
    [EV_INTERRUPTED] =
        {
            .id = 20107,
            .level = EVENT_NOTICE,
            .name = "transfer-interrupted",
            .text = "Peer {peer}: {transfer} was interrupted with {octets} octets confirmed; it may go on for "
                    "{seconds} s: {what}",
            .meaning = "An association was lost, or a transfer stopped, in its middle. What was confirmed is kept by "
                       "both sides for the `recovery` time; who sends calls again and goes on behind it.",
            .causes = "The network; a side that was stopped; a receiver short of room.",
            .action = "Nothing; event 20108 or 20109 follows.",
        },
    [EV_RESUMED] =
        {
            .id = 20108,
            .level = EVENT_NOTICE,
            .name = "transfer-resumed",
            .text = "Peer {peer}: {transfer} goes on behind octet {octets} over association {association}",
            .meaning = "An interrupted transfer was taken up again where it had been confirmed.",
            .causes = "See event 20107.",
            .action = "Nothing.",
        },
    [EV_NOT_RESUMED] =
        {
            .id = 20109,
            .level = EVENT_NOTICE,
            .name = "transfer-not-resumed",
            .text = "Peer {peer}: {transfer} does not go on in its middle: {what}",
            .meaning = "An interrupted transfer could not be taken up in its middle. The sender has the message still "
                       "and transfers it from the start; nothing is lost, and a repetition is recognised.",
            .causes = "The recovery time is over; one side does not recover, or has not, or no longer, what is needed "
                      "(after a crash only what was synced: `checkpoint sync`); the message or its recipients changed.",
            .action = "Nothing once. When a peer never resumes, `recovery none` spares the attempts.",
        },
    [EV_RECOVERY_REFUSED] =
        {
            .id = 20110,
            .level = EVENT_WARNING,
            .name = "recovery-refused",
            .text = "A call from {remote} on stack {stack} wants to recover a lost association and was refused: {what}",
            .key = "remote stack",
            .meaning = "A recovery shows no password: a caller is believed when it names an association that was lost, "
                       "and comes from where that came from, or from an address in the peer's `accept from`. It was "
                       "told that it cannot be recovered, and may bind as usual.",
            .causes = "The recovery time is over; this daemon crashed or was started again meanwhile; the peer calls "
                      "from another of its addresses; somebody else tries.",
            .action = "When the peer has several addresses, list them in its `accept from`.",
        },
    [EV_BIND_BACK_LIMIT] =
        {
            .id = 20111,
            .level = EVENT_WARNING,
            .name = "bind-back-limit",
            .text = "Peer {peer}: more than {limit} bind-backs in a minute; until it is over no more are begun",
            .key = "peer",
            .meaning = "The peer binds again and again and each time is called back in vain. No more is called for it "
                       "in this minute: with `bind-back required` its binds are refused as busy, with `optional` they "
                       "are accepted without a bind-back.",
            .causes = "The peer retries very fast while its endpoint cannot be reached, or wants us to call others.",
            .action = "The events 9322 before it say where was called. Have the peer's retries set to a longer time.",
        },
    [EV_ACCEPTED] =
        {
            .id = 20201,
            .level = EVENT_INFO,
            .name = "accepted",
            .text = "{kind} accepted:" WAY,
            .meaning =
                "Responsibility for a message, probe or report was taken: it is committed, and its sender is told so.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_TRANSFERRED] =
        {
            .id = 20202,
            .level = EVENT_INFO,
            .name = "transferred",
            .text = "{kind} transferred:" WAY,
            .meaning = "The next MTA acknowledged it and is responsible for this recipient now.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_DELIVERED] =
        {
            .id = 20203,
            .level = EVENT_INFO,
            .name = "delivered",
            .text = "{kind} delivered:" WAY,
            .meaning = "It is in the recipient's delivery directory; of a probe: a message would be.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_REFUSED] =
        {
            .id = 20204,
            .level = EVENT_NOTICE,
            .name = "refused",
            .text = "{kind} refused ({what}):" WAY,
            .meaning = "It was not taken.",
            .causes = "See the text.",
            .action = "Nothing.",
        },
    [EV_REPORTED] =
        {
            .id = 20205,
            .level = EVENT_INFO,
            .name = "reported",
            .text = "report {report} on {kind} ({what}):" WAY,
            .meaning = "A delivery or non-delivery report was made here and is on its way to the originator. id is "
                       "that of the message reported on, report that of the report.",
            .causes = "-",
            .action = "Nothing.",
        },
    [EV_DUPLICATE] =
        {
            .id = 20206,
            .level = EVENT_NOTICE,
            .name = "duplicate",
            .text = "Peer {peer} repeated {mts_id}, which was taken before; it was acknowledged and dropped",
            .meaning = "A transfer came twice within 7 days: same peer, identifier, recipients, trace and histories.",
            .causes = "The acknowledgement of the first was lost with its association.",
            .action = "Nothing.",
        },
    [EV_LOOP] =
        {
            .id = 20207,
            .level = EVENT_WARNING,
            .name = "loop",
            .text = "{mts_id} from {peer} was here before: {what}",
            .meaning = "A message came back after others had it, without having been redirected. It is reported as not "
                       "delivered (loop-detected).",
            .causes = "Routes of two MTAs that point at each other.",
            .action = "`x400 show route ADDRESS` here, and the same at the peer.",
        },
    [EV_NO_REPORT] =
        {
            .id = 20208,
            .level = EVENT_WARNING,
            .name = "report-dropped",
            .text = "Report {mts_id} to {recipient} cannot go on and is dropped: {what}",
            .meaning = "A report could not go on. No report is ever made on a report, so it ends here.",
            .causes = "The originator's address has no route; the peer refuses it; it is too old.",
            .action = "Check the route back to the originator's domain: `x400 show route ADDRESS`.",
        },
    [EV_DELIVERY_TROUBLE] =
        {
            .id = 20209,
            .level = EVENT_ERROR,
            .name = "delivery-trouble",
            .text = "Delivery of {mts_id} into {dir} failed and is tried again in {seconds} s: {what}",
            .key = "dir",
            .meaning = "A delivery directory cannot be written. Its messages stay in the queue.",
            .causes = "Its parent folder is missing; it belongs to another user; its disk is full.",
            .action = "Mend the directory: the daemon's user must be able to write, and to make folders, in it.",
        },
    [EV_DELIVERED_BEFORE] =
        {
            .id = 20210,
            .level = EVENT_NOTICE,
            .name = "delivered-before",
            .text = "{mts_id} is in {dir} already; it is not delivered a second time",
            .meaning = "A message with the same identifier was delivered there to the same recipient before.",
            .causes = "It came on two ways, or was sent again after its duplicate record expired.",
            .action = "Nothing.",
        },
    [EV_RETURN_DROPPED] =
        {
            .id = 20211,
            .level = EVENT_NOTICE,
            .name = "report-without-content",
            .text = "Report {mts_id} goes to {peer} without the content that it returns: {what}",
            .meaning = "P1 of 1984 has no form for the returned content. The report itself goes on.",
            .causes = "A body part that can be neither converted nor left as it is: see the text.",
            .action = "Nothing.",
        },
};

const struct event_def *mta_event(enum mta_event e) {
    return &catalogue[e];
}
