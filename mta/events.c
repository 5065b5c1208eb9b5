// SPDX-License-Identifier: BSD-2-Clause
#include "mta/events.h"

// What every line about one message says; the rest is its own.
#define WAY                                                                                                            \
    " id={mts_id} from={originator} to={recipient} size={size} priority={priority} peer={peer} "                       \
    "association={association} "                                                                                       \
    "local={local} remote={remote} delay={delay} delays={delays}"

static const struct event_def catalogue[EV_EVENTS] = {
    [EV_UNKNOWN_MTA] =
        {51, EVENT_WARNING, "unknown-mta",
         "An MTA that called itself \"{name}\" tried to bind from {remote} on stack {stack} and was refused: {what}",
         "remote name",
         "A caller came as far as its bind, but no peer has the MTA name that it gave, or the password is not that of "
         "the peer. It was answered with authentication-error.",
         "Name or password differ between the two sides, also in the case of letters; a password was changed on one "
         "side only; the peer is not configured here; somebody tries names.",
         "Compare `remote name` and its password with what the peer's operator has for his own MTA. During a change "
         "of password put both into the password file, a line each."},
    [EV_ASSOCIATION_LIMIT] =
        {57, EVENT_WARNING, "association-limit",
         "Peer {peer}: the limit of {limit} associations is reached; the call from {remote} was refused as busy",
         "peer",
         "A peer that is known and has the right password wants more associations at once than its block allows. It "
         "was answered with busy and will try again.",
         "The limits of the two sides differ; associations whose caller died without a word still count, until "
         "keepalive ends them (about 90 s).",
         "Raise `associations at most` in the peer's block, or have it lowered at the peer. `x400 show associations` "
         "lists those that are there."},
    [EV_OPEN_FAILED] =
        {289, EVENT_WARNING, "open-failed", "Peer {peer}: no association could be opened: {what}", "peer",
         "All pairs of stack and address of a peer were tried and none led to a bind. What waits for the peer stays "
         "in the queue.",
         "See the events 9318 before it: each names the step at which one attempt stopped.",
         "`x400 ping PEER` shows the call layer by layer. The next attempt is told by event 301."},
    [EV_NON_DELIVERY] =
        {290, EVENT_NOTICE, "non-delivery",
         "Non-delivery report for {mts_id}, recipient {recipient}: {reason}, {diagnostic}: {what}", NULL,
         "A message or probe could not go on to a recipient, and never will. Its originator gets a non-delivery "
         "report, unless he asked for none.",
         "No route or delivery matches (unrecognised-OR-name); the content is longer than the peer's `size limit` "
         "(content-too-long); the message is too old for its priority (maximum-time-expired); it came back "
         "(loop-detected); a critical extension is not supported; the attempts are used up (transfer-failure); an "
         "operator's `queue return`.",
         "`x400 show message ID` shows each recipient with its reason; `x400 show route ADDRESS` which route would "
         "take it."},
    [EV_OPEN_RETRY] =
        {301, EVENT_NOTICE, "open-retry",
         "Peer {peer}: the next attempt to open an association is in {seconds} s ({attempt} of {attempts})", "peer",
         "The open-retry timer of a peer has started. When all attempts have failed, what waits for the peer is "
         "returned to its originators and the count begins anew.",
         "See event 289.", "Nothing, or `x400 peer NAME connect` to try at once.", .loose = true},
    [EV_ABNORMAL_END] =
        {1294, EVENT_WARNING, "association-ended",
         "Peer {peer}: association {association} ({local} - {remote}) ended abnormally: {what}", "peer",
         "An open association broke: the peer or the network aborted it, a timer ran out, or one side broke the "
         "protocol. A transfer under way goes on over another association, from its start or, see event 20107, its "
         "middle.",
         "The peer was stopped; the network or a firewall dropped the connection; the local address went away; the "
         "peer, or this program, made a mistake in the protocol.",
         "Nothing once. When it repeats: the text names the layer and the reason; give it to the peer's operator."},
    [EV_RECOVERY_BEGUN] = {2219, EVENT_NOTICE, "recovery-begun",
                           "The last stop was not orderly: the spool is being checked", NULL,
                           "The spool bears the mark of a daemon that did not close it.",
                           "It was killed, it crashed, or the machine stopped.",
                           "Nothing; event 2207 tells what was found."},
    [EV_RECOVERY_CHECKING] =
        {2206, EVENT_NOTICE, "recovery-checking", "Checking {what}", NULL,
         "A part of the spool is being checked: database (its structure, up to 256 MB of it), messages, deliveries, "
         "contents.",
         "See event 2219.", "Nothing."},
    [EV_RECOVERY_FINISHED] =
        {2207, EVENT_NOTICE, "recovery-finished",
         "The spool is checked: {messages} unfinished messages, {recipients} recipients, {intents} deliveries under "
         "way, {damaged} damaged, {orphans} left-over files removed",
         NULL,
         "The spool was checked after an unclean stop. Unfinished messages go on; left-over files are those of "
         "transfers that were never acknowledged, so their senders have them still.",
         "See event 2219.", "When something is damaged, see the events 20015 before it."},
    [EV_RESOURCE_LIMIT] =
        {9156, EVENT_WARNING, "resource-limit", "A resource limit was reached while opening an association: {what}",
         "what",
         "Memory is short: an association, or a message of the queue, could not be taken up. What is in the spool is "
         "not lost.",
         "A limit of the service (MemoryMax, ulimit -v) that is too low; other programs.",
         "Give the daemon more memory. Messages that were left out are taken up at the next start."},
    [EV_ACCEPT_ERROR] = {9202, EVENT_WARNING, "accept-error", "Stack {stack}: a call could not be accepted: {what}",
                         "stack", "accept(2) failed; the listener goes on.",
                         "Descriptors ran out; the caller went away.", "Raise LimitNOFILE of the service."},
    [EV_CONNECT_ERROR] =
        {9215, EVENT_WARNING, "connect-error", "Peer {peer}: connecting {local} to {remote} failed: {what}",
         "peer remote", "A TCP connection could not be made. Event 9318 tells the same with stack and likely cause.",
         "Nothing listens there; a packet filter; a wrong address or port; the source address is not on this machine.",
         "Check `connect` in the peer's block, `source` in the stack's, and the network."},
    [EV_FATAL_START] = {9266, EVENT_ERROR, "fatal-start", "The daemon cannot start: {what}", NULL,
                        "Something that it cannot do without is missing. It ends with exit status 1.",
                        "The spool cannot be read or is of a newer format; a control socket cannot be made or another "
                        "daemon answers on it; memory.",
                        "The text says what; mend it and start again."},
    [EV_NO_PEER_MATCHES] =
        {9301, EVENT_WARNING, "no-peer-matches",
         "No configured peer matches the caller {remote} on stack {stack}, MTA name \"{name}\": {what}", "remote name",
         "A caller was refused, with authentication-error, because it fits no peer's block.",
         "The peer is not configured; it calls from an address that its `accept from` does not list (a second address, "
         "a cluster node's own instead of the virtual one, address translation); it binds without credentials and no "
         "block allows that.",
         "The text says for each peer that nearly matched what differed. Add the address to `accept from`, or have the "
         "peer call from the one that is listed."},
    [EV_CALL_FAILED] =
        {9318, EVENT_WARNING, "call-failed",
         "Peer {peer}: the call over stack {stack} from {local} to {remote} failed at the step {step}: {what}; likely: "
         "{cause}; configured: {configured}",
         "peer stack remote",
         "One attempt to call a peer, with one stack and one address, failed; the step says how far it came. The next "
         "pair is tried; when it was the last one, event 289 follows.",
         "resolve: the name is unknown or no name server answers. connect: network, packet filter, address or port. "
         "transport, session, presentation: the called selector of that layer. association: application context. "
         "rtse: dialogue, or the peer is busy. bind: names and passwords.",
         "The text names the likely cause and what is configured; `x400 ping PEER` shows what was negotiated up to "
         "there, `x400 ping PEER --try-modes` which modes the peer speaks."},
    [EV_LISTEN_FAILED] =
        {9321, EVENT_ERROR, "listen-failed",
         "Stack {stack}: cannot listen on {address}: {what}; tried again in {seconds} s", "stack",
         "A listening address cannot be resolved or bound. The other stacks, and calls to peers, go on.",
         "The address is not on this machine (a cluster's other node has it); another program has the port; port 102 "
         "needs root or CAP_NET_BIND_SERVICE; the name does not resolve.",
         "Mend the cause; the daemon tries again by itself."},
    [EV_STARTED] = {20001, EVENT_NOTICE, "started",
                    "x400d {version} is running as MTA {name}, {waiting} messages waiting", NULL,
                    "The daemon has started and serves its queue.", "-", "Nothing."},
    [EV_STOPPING] = {20002, EVENT_NOTICE, "stopping", "Stopping: {what}", NULL,
                     "The daemon was asked to stop: nothing new is taken, associations are released in order, at most "
                     "for 13 s.",
                     "SIGTERM or SIGINT. A second one ends the waiting.", "Nothing."},
    [EV_STOPPED] = {20003, EVENT_NOTICE, "stopped", "Stopped; the spool is closed", NULL,
                    "The daemon has stopped in order.", "-", "Nothing."},
    [EV_CONF_LOADED] = {20010, EVENT_NOTICE, "configuration-loaded", "The configuration {file} is in force: {what}",
                        NULL,
                        "A configuration was loaded again. Associations of peers whose block changed are released and "
                        "opened anew.",
                        "SIGHUP or `x400 reload`.", "Nothing."},
    [EV_CONF_ERROR] =
        {20011, EVENT_ERROR, "configuration-error", "The configuration {file} has errors and was not taken: {what}",
         NULL, "A configuration could not be loaded; the running one is unchanged.",
         "An error in the file; or a change of the spool's folder or a socket's path, which needs a new start.",
         "`x400 check` shows every error with its line."},
    [EV_CONF_WARNING] = {20012, EVENT_WARNING, "configuration-warning", "{what}", NULL,
                         "Something in a configuration that was loaded again is doubtful, but does not prevent its "
                         "use.",
                         "Two equal routes; a password file that others can read; and the like: see the text.",
                         "Mend it."},
    [EV_LISTENING] = {20013, EVENT_INFO, "listening", "Stack {stack} listens on {address}", NULL,
                      "A stack is ready for calls.", "-", "Nothing."},
    [EV_SPOOL_HELD] =
        {20014, EVENT_WARNING, "spool-held", "Waiting for the spool {dir}: {what}", "dir",
         "Another daemon has the spool, or its disk is full; this one tries again every second and does nothing else.",
         "Two daemons with one configuration; a standby node on the same storage.",
         "Nothing on a standby node. Else stop one of the two: the text names process and host. The lock ends with "
         "its holder; never remove the file."},
    [EV_SPOOL_DAMAGED] =
        {20015, EVENT_ERROR, "spool-damaged", "Damaged in the spool: {what} (message {message})", NULL,
         "Stored data does not agree with its checksum, or a content is missing. The message is never sent; all others "
         "go on.",
         "A failing disk; a file of the spool that was removed or changed by hand.",
         "Check the disk. Restore the spool from a copy, or have the sender send the message again."},
    [EV_SPOOL_ERROR] =
        {20016, EVENT_ERROR, "spool-error", "The spool cannot be written: {what}", "what",
         "A transaction failed. A message that was being taken is refused, so its sender keeps it; what became of one "
         "that was sent is written again every 5 s until it succeeds.",
         "A full or failing disk.", "The text has the system's reason. Nothing that was acknowledged is lost."},
    [EV_SPACE_LOW] =
        {20017, EVENT_ERROR, "space-low",
         "Free space of {dir} is below its reserve ({what}): new messages are refused as busy, sending and delivering "
         "go on",
         "dir", "The file system of the spool is nearly full, in size or in inodes.",
         "Messages that wait for a peer that is down; other files on the same file system.",
         "Make room. `x400 show queue` shows what waits; `reserve` in the configuration sets the threshold."},
    [EV_SPACE_BACK] = {20018, EVENT_NOTICE, "space-back",
                       "Free space of {dir} is above its reserve again: new messages are taken", NULL,
                       "There is room again, a tenth more than the reserve.", "See event 20017.", "Nothing."},
    [EV_OPERATOR] = {20019, EVENT_NOTICE, "operator", "User {uid} did: {what}", NULL,
                     "A command that changes something came over the control socket; the user id is that of its "
                     "sender.",
                     "-", "Nothing."},
    [EV_ASSOCIATION_UP] =
        {20101, EVENT_INFO, "association-up",
         "Peer {peer}: association {association} is up ({direction}, {local} - {remote}, stack {stack}): {what}", NULL,
         "A bind was accepted, by the peer (outgoing) or by us (incoming). The text has what was negotiated.", "-",
         "Nothing."},
    [EV_ASSOCIATION_DOWN] = {20102, EVENT_INFO, "association-down",
                             "Peer {peer}: association {association} was released: {what}", NULL,
                             "An association ended in order.",
                             "It was idle, or older than its lifetime; the peer's block changed; either side stopped.",
                             "Nothing."},
    [EV_TRANSFER_FAILED] =
        {20103, EVENT_WARNING, "transfer-failed",
         "Peer {peer}: the transfer of {mts_id} failed and is tried again in {seconds} s: {what}", "peer",
         "A transfer did not come to its acknowledgement. Only a peer's refusal counts as one of the attempts of "
         "`transfer retry`; a broken connection, and a peer that is short of room, do not.",
         "The peer refused the message, or the association broke.",
         "Nothing once; when it repeats with the same message, ask the peer's operator with the text."},
    [EV_CALLER_FAILED] =
        {20104, EVENT_NOTICE, "caller-failed", "Stack {stack}: a call from {remote} ended at the step {step}: {what}",
         "stack remote step", "A caller did not come as far as its bind, or went away before it was answered.",
         "A port scan; a monitoring probe; a called selector that this stack does not have; a peer of another mode or "
         "dialogue; a caller that said nothing for 60 s; more than 16 callers of one address, or 256 in all, that have "
         "not bound yet.",
         "When it is a peer: the step names the layer; compare the selectors with those of the stack.", .loose = true},
    [EV_RECEIVE_REFUSED] = {20105, EVENT_WARNING, "receive-refused", "Peer {peer}: a transfer was refused: {what}",
                            "peer", "What a peer sent could not be taken. It has been told, and keeps the message.",
                            "No room (the peer tries again later); octets that are no MTS-APDU, or one past a limit.",
                            "Make room, or give the text to the peer's operator."},
    [EV_TURN_LATE] =
        {20106, EVENT_WARNING, "turn-late",
         "Peer {peer}: association {association}: the turn was asked for {seconds} s ago and did not come", "peer",
         "Something waits for the peer, which has the turn of a two-way alternate association, sends nothing and does "
         "not give it. If it can be called, it is; an association that we opened is closed first.",
         "A peer that does not understand the dialogue, hangs, or believes that the turn is ours.",
         "When it repeats: `dialogue monologue` in the peer's block, if it can be called.", .loose = true},
    [EV_INTERRUPTED] =
        {20107, EVENT_NOTICE, "transfer-interrupted",
         "Peer {peer}: {transfer} was interrupted with {octets} octets confirmed; it may go on for {seconds} s: {what}",
         NULL,
         "An association was lost, or a transfer stopped, in its middle. What was confirmed is kept by both sides for "
         "the `recovery` time; who sends calls again and goes on behind it.",
         "The network; a side that was stopped; a receiver short of room.", "Nothing; event 20108 or 20109 follows."},
    [EV_RESUMED] = {20108, EVENT_NOTICE, "transfer-resumed",
                    "Peer {peer}: {transfer} goes on behind octet {octets} over association {association}", NULL,
                    "An interrupted transfer was taken up again where it had been confirmed.", "See event 20107.",
                    "Nothing."},
    [EV_NOT_RESUMED] =
        {20109, EVENT_NOTICE, "transfer-not-resumed", "Peer {peer}: {transfer} does not go on in its middle: {what}",
         NULL,
         "An interrupted transfer could not be taken up in its middle. The sender has the message still and transfers "
         "it from the start; nothing is lost, and a repetition is recognised.",
         "The recovery time is over; one side does not recover, or has not, or no longer, what is needed (after a "
         "crash only what was synced: `checkpoint sync`); the message or its recipients changed.",
         "Nothing once. When a peer never resumes, `recovery none` spares the attempts."},
    [EV_RECOVERY_REFUSED] =
        {20110, EVENT_WARNING, "recovery-refused",
         "A call from {remote} on stack {stack} wants to recover a lost association and was refused: {what}",
         "remote stack",
         "A recovery shows no password: a caller is believed when it names an association that was lost, and comes "
         "from where that came from, or from an address in the peer's `accept from`. It was told that it cannot be "
         "recovered, and may bind as usual.",
         "The recovery time is over; this daemon crashed or was started again meanwhile; the peer calls from another "
         "of its addresses; somebody else tries.",
         "When the peer has several addresses, list them in its `accept from`."},
    [EV_ACCEPTED] =
        {20201, EVENT_INFO, "accepted", "{kind} accepted:" WAY, NULL,
         "Responsibility for a message, probe or report was taken: it is committed, and its sender is told so.", "-",
         "Nothing."},
    [EV_TRANSFERRED] = {20202, EVENT_INFO, "transferred", "{kind} transferred:" WAY, NULL,
                        "The next MTA acknowledged it and is responsible for this recipient now.", "-", "Nothing."},
    [EV_DELIVERED] = {20203, EVENT_INFO, "delivered", "{kind} delivered:" WAY, NULL,
                      "It is in the recipient's delivery directory; of a probe: a message would be.", "-", "Nothing."},
    [EV_REFUSED] = {20204, EVENT_NOTICE, "refused", "{kind} refused ({what}):" WAY, NULL, "It was not taken.",
                    "See the text.", "Nothing."},
    [EV_REPORTED] = {20205, EVENT_INFO, "reported", "report {report} on {kind} ({what}):" WAY, NULL,
                     "A delivery or non-delivery report was made here and is on its way to the originator. id is that "
                     "of the message reported on, report that of the report.",
                     "-", "Nothing."},
    [EV_DUPLICATE] = {20206, EVENT_NOTICE, "duplicate",
                      "Peer {peer} repeated {mts_id}, which was taken before; it was acknowledged and dropped", NULL,
                      "A transfer came twice within 7 days: same peer, identifier, recipients, trace and histories.",
                      "The acknowledgement of the first was lost with its association.", "Nothing."},
    [EV_LOOP] = {20207, EVENT_WARNING, "loop", "{mts_id} from {peer} was here before: {what}", NULL,
                 "A message came back after others had it, without having been redirected. It is reported as not "
                 "delivered (loop-detected).",
                 "Routes of two MTAs that point at each other.",
                 "`x400 show route ADDRESS` here, and the same at the peer."},
    [EV_NO_REPORT] = {20208, EVENT_WARNING, "report-dropped",
                      "Report {mts_id} to {recipient} cannot go on and is dropped: {what}", NULL,
                      "A report could not go on. No report is ever made on a report, so it ends here.",
                      "The originator's address has no route; the peer refuses it; it is too old.",
                      "Check the route back to the originator's domain: `x400 show route ADDRESS`."},
    [EV_DELIVERY_TROUBLE] =
        {20209, EVENT_ERROR, "delivery-trouble",
         "Delivery of {mts_id} into {dir} failed and is tried again in {seconds} s: {what}", "dir",
         "A delivery directory cannot be written. Its messages stay in the queue.",
         "Its parent folder is missing; it belongs to another user; its disk is full.",
         "Mend the directory: the daemon's user must be able to write, and to make folders, in it."},
    [EV_DELIVERED_BEFORE] = {20210, EVENT_NOTICE, "delivered-before",
                             "{mts_id} is in {dir} already; it is not delivered a second time", NULL,
                             "A message with the same identifier was delivered there to the same recipient before.",
                             "It came on two ways, or was sent again after its duplicate record expired.", "Nothing."},
    [EV_RETURN_DROPPED] = {20211, EVENT_NOTICE, "report-without-content",
                           "Report {mts_id} goes to {peer} without the content that it returns: {what}", NULL,
                           "P1 of 1984 has no form for the returned content. The report itself goes on.",
                           "A body part that can be neither converted nor left as it is: see the text.", "Nothing."},
};

const struct event_def *mta_event(enum mta_event e) {
    return &catalogue[e];
}
