// SPDX-License-Identifier: BSD-2-Clause
// Every command: its words, help and options. A command is listed here only when it works.
#include "cli/command.h"

static const char queue_details[] =
    "Which messages: those named (by number or MTS identifier), and of them, or of all, those\n"
    "that meet every criterion. The number of messages is told first, and the question asked\n"
    "whether to go on. What `return` touches goes back to its originator with a non-delivery\n"
    "report; what `delete` touches is gone, and nobody is told.";

#define QUEUE(action, text, sample)                                                                                    \
    {                                                                                                                  \
        .name = "queue " action, .arguments = "[ID…] [option]…", .summary = text, .details = queue_details,            \
        .example = sample, .options = {queue_options, option_control_socket, option_json}, .words_max = 1000000,       \
        .run = queue_run                                                                                               \
    }
#define SHOW(what, args, text, sample, fn, ...)                                                                        \
    {                                                                                                                  \
        .name = "show " what, .arguments = args "[option]…", .summary = text, .example = sample,                       \
        .options = {option_status_socket, option_json}, .run = fn, __VA_ARGS__                                         \
    }

const struct command commands[] = {
    {.name = "send",
     .arguments = "--from OR --to OR [option]…",
     .summary = "Submit a message; print its MTS identifier",
     .details = "The subject and the text are UTF-8, whatever the locale. The text is sent as IA5 text, as\n"
                "general text of ISO 8859, or as a UTF-8 file, whichever is the first that holds it.",
     .example = "x400 send --from \"C=GB;A=DEMO;P=ALPHA;S=Jones\" --to \"C=GB;A=DEMO;P=BETA;S=Smith\" \\\n"
                "    --subject \"Order 17\" --body order.txt --attach order.pdf --report delivery",
     .options = {send_options, option_submit_socket, option_json},
     .run = send_run},
    {.name = "probe",
     .arguments = "--from OR --to OR [option]…",
     .summary = "Ask whether a message would arrive; the answer is a report",
     .example = "x400 probe --from \"C=GB;A=DEMO;P=ALPHA;S=Jones\" --to \"C=GB;A=DEMO;P=BETA;S=Smith\" --size 100000",
     .options = {probe_options, option_submit_socket, option_json},
     .run = probe_run},
    {.name = "ping",
     .arguments = "PEER|HOST[:PORT] [option]…",
     .summary = "Open an association and release it, layer by layer",
     .details = "Shows for each layer how long it took and what was negotiated, or the reason it stopped,\n"
                "the likely cause, and what is configured. Needs no daemon, sends no message. PEER is a\n"
                "peer of the configuration; options change what its block says.",
     .example = "x400 ping relay-b\nx400 ping 192.0.2.7:102 --called-tsel P1 --local-name MTA-A "
                "--local-password-file us\n"
                "x400 ping relay-b --try-modes",
     .options = {ping_options},
     .words_min = 1,
     .words_max = 1,
     .run = ping_run},
    {.name = "dump",
     .arguments = "[FILE] [option]…",
     .summary = "Show a P1 APDU, a P22 or P2 content, a bind or a capture as readable text",
     .details = "Octets or hexadecimal digits (with # comments), which is found out. Without FILE, or\n"
                "with -, from standard input. Of a capture (pcap, pcapng), all connections with TPKT,\n"
                "on whatever port: every PDU of transport, session, presentation, association control\n"
                "and reliable transfer, the bind, and the messages.",
     .example = "x400 show message 17 --raw | x400 dump -\nx400 dump --summary net.pcap",
     .options = {dump_options},
     .words_max = 1,
     .run = dump_run},
    {.name = "check",
     .arguments = "[option]…",
     .summary = "Check the configuration",
     .example = "x400 check -f conf/examples/x400d.conf",
     .options = {check_options},
     .run = check_run},
    SHOW("status", "", "The daemon as a whole", "x400 show status", show_status_run, .words_max = 0),
    SHOW("stacks", "[NAME…] ", "Local stacks: active or on standby and why, addresses, names, last calls",
         "x400 show stacks", show_stacks_run, .words_max = 1000),
    {.name = "show peers",
     .arguments = "[NAME…] [option]…",
     .summary = "Peer MTAs: state, last failure, addresses, names, bind-back",
     .example = "x400 show peers\nx400 show peers --brief\nx400 show peers relay-b",
     .options = {show_peers_options, option_status_socket, option_json},
     .words_max = 1000,
     .run = show_peers_run},
    SHOW("associations", "", "Open associations", "x400 show associations", show_assoc_run, .words_max = 0),
    {.name = "show queue",
     .arguments = "[ID…] [option]…",
     .summary = "Messages that wait, and why",
     .example = "x400 show queue --peer relay-b --older 1h",
     .options = {show_queue_options, option_status_socket, option_json},
     .words_max = 1000000,
     .run = show_queue_run},
    {.name = "show message",
     .arguments = "[ID] [option]…",
     .summary = "One message, by number, MTS identifier or part of it; or a list",
     .example = "x400 show message 17\nx400 show message --from Jones\nx400 show message 17 --raw >message.ber",
     .options = {show_message_options, option_status_socket, option_json},
     .words_max = 1,
     .run = show_message_run},
    SHOW("route", "OR ", "Where an address is routed, and why not elsewhere",
         "x400 show route \"C=DE;A=VIAT;P=FIRMA;S=Muster\"", show_routes_run, .words_min = 1, .words_max = 1),
    SHOW("routes", "", "All routes and deliveries", "x400 show routes", show_routes_run, .words_max = 0),
    {.name = "show events",
     .arguments = "[option]…",
     .summary = "What happened last",
     .example = "x400 show events -n 100\nx400 show events --follow",
     .options = {show_events_options, option_status_socket, option_json},
     .run = show_events_run},
    QUEUE("hold", "Keep messages from being sent", "x400 queue hold 17 18"),
    QUEUE("release", "Let held messages go on", "x400 queue release --all"),
    QUEUE("retry", "Try messages now that wait for another attempt", "x400 queue retry --peer relay-b"),
    QUEUE("return", "Give messages up, with a non-delivery report", "x400 queue return --to FIRMA --older 2d"),
    QUEUE("delete", "Delete messages, without a report", "x400 queue delete 17 --yes"),
    {.name = "peer",
     .arguments = "NAME enable|disable|connect|disconnect [option]…",
     .summary = "Enable, disable, call or disconnect a peer",
     .details = "disable: no calls are made and none are taken, its messages wait. connect: a call at once.\n"
                "disconnect: associations end in order; new ones open when there is something to send.",
     .example = "x400 peer relay-b disable",
     .options = {option_control_socket, option_json},
     .words_min = 2,
     .words_max = 2,
     .run = peer_run},
    {.name = "stack",
     .arguments = "NAME active|standby [option]…",
     .summary = "Let a stack go on, or put it on standby",
     .details = "standby: it stops listening, its associations are released in order, and it is done when they\n"
                "are gone; what waits goes over other stacks, or waits. active: it listens and calls again as\n"
                "soon as its address is on this machine. That it is not there yet is told, and no failure.",
     .example = "x400 stack cluster standby",
     .options = {option_control_socket, option_json},
     .words_min = 2,
     .words_max = 2,
     .run = stack_run},
    {.name = "trace",
     .arguments = "PEER [option]…",
     .summary = "Show what goes over a peer's associations, PDU by PDU, as it happens",
     .details = "Until it is ended (Ctrl-C), from now on; the daemon goes on as ever. Passwords are never\n"
                "shown. What comes faster than it can be shown is dropped and counted.",
     .example = "x400 trace relay-b\nx400 trace relay-b --layer session --layer rtse\nx400 trace relay-b --off",
     .options = {trace_options, option_control_socket, option_json},
     .words_min = 1,
     .words_max = 1,
     .run = trace_run},
    {.name = "reload",
     .arguments = "[option]…",
     .summary = "Have the daemon read its configuration again",
     .details = "With an error in the file the running configuration stays as it is.",
     .example = "x400 reload --dry-run",
     .options = {reload_options, option_control_socket, option_json},
     .run = reload_run},
    {.name = NULL},
};
