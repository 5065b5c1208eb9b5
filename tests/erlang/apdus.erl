%% SPDX-License-Identifier: BSD-2-Clause
%% apdus:main([Year, File...]): APDUs, one a file, as Erlang reads them, with P1 and P2 of 1984 or P1 and P22 of 1988. A
%% line for each: name=value, separated by tabs.
-module(apdus).
-export([main/1]).

-include("MTA.hrl").
-include("MTS.hrl").
-include("IPMS.hrl").
-include("MTA84.hrl").
-include("IPMS84.hrl").

main([Year | Files]) -> lists:foreach(fun(F) -> say(read(Year, F)) end, Files).

say(Fields) -> io:format("~s~n", [lists:join("\t", [io_lib:format("~s=~s", [K, text(V)]) || {K, V} <- Fields])]).

text(V) when is_integer(V) -> integer_to_list(V);
text(asn1_NOVALUE) -> "absent";
text(V) when is_atom(V) -> atom_to_list(V);
text(V) when is_binary(V) -> V;
text({'SubjectField', V}) -> V;
text(V) -> case io_lib:printable_latin1_list(V) of true -> V; false -> lists:join(",", [text(X) || X <- V]) end.

read(Year, File) ->
    {ok, Octets} = file:read_file(File),
    {Module, Type} = case Year of "1984" -> {'MTA84', 'MPDU84'}; "1988" -> {'MTA', 'MTS-APDU'} end,
    {ok, V} = Module:decode(Type, Octets),
    fields(V).

id(#'MTSIdentifier'{'local-identifier' = L}) -> L.

%% ---- 1984 ----

fields({user, #'UserMPDU84'{envelope = E, content = C}}) ->
    [{type, message}, {id, id(E#'UMPDUEnvelope84'.mpduID)}, {priority, E#'UMPDUEnvelope84'.priority},
     {content_type, E#'UMPDUEnvelope84'.contentType}, {trace, length(E#'UMPDUEnvelope84'.trace)},
     {recipients, [N || #'RecipientInfo84'{extensionIdentifier = N} <- E#'UMPDUEnvelope84'.recipients]},
     {eits, eits(E#'UMPDUEnvelope84'.original)} | p2(C)];
fields({deliveryReport, #'DeliveryReportMPDU84'{envelope = E, content = C}}) ->
    [{type, report}, {id, id(E#'DeliveryReportEnvelope84'.report)}, {trace, length(E#'DeliveryReportEnvelope84'.trace)},
     {subject_id, id(C#'DeliveryReportContent84'.original)},
     {fates, [fate(L#'LastTraceInformation84'.report) ||
              #'ReportedRecipientInfo84'{lastTrace = L} <- C#'DeliveryReportContent84'.recipients]}];
fields({probe, #'ProbeEnvelope84'{} = E}) ->
    [{type, probe}, {id, id(E#'ProbeEnvelope84'.probe)}, {content_type, E#'ProbeEnvelope84'.contentType},
     {trace, length(E#'ProbeEnvelope84'.trace)},
     {recipients, [N || #'RecipientInfo84'{extensionIdentifier = N} <- E#'ProbeEnvelope84'.recipients]}];

%% ---- 1988 ----

fields({message, #'Message'{envelope = E, content = C}}) ->
    {'built-in', Type} = E#'MessageTransferEnvelope'.'content-type',
    [{type, message}, {id, id(E#'MessageTransferEnvelope'.'message-identifier')},
     {priority, E#'MessageTransferEnvelope'.priority}, {content_type, Type},
     {trace, length(E#'MessageTransferEnvelope'.'trace-information')},
     {recipients, [R#'PerRecipientMessageTransferFields'.'originally-specified-recipient-number' ||
                   R <- E#'MessageTransferEnvelope'.'per-recipient-fields']},
     {eits, eits(E#'MessageTransferEnvelope'.'original-encoded-information-types')} | p22(C)];
fields({report, #'Report'{envelope = E, content = C}}) ->
    [{type, report}, {id, id(E#'ReportTransferEnvelope'.'report-identifier')},
     {trace, length(E#'ReportTransferEnvelope'.'trace-information')},
     {subject_id, id(C#'ReportTransferContent'.'subject-identifier')},
     {fates, [fate((R#'PerRecipientReportTransferFields'.'last-trace-information')#'LastTraceInformation'.'report-type') ||
              R <- C#'ReportTransferContent'.'per-recipient-fields']}];
fields({probe, #'ProbeTransferEnvelope'{} = E}) ->
    {'built-in', Type} = E#'ProbeTransferEnvelope'.'content-type',
    [{type, probe}, {id, id(E#'ProbeTransferEnvelope'.'probe-identifier')}, {content_type, Type},
     {trace, length(E#'ProbeTransferEnvelope'.'trace-information')},
     {recipients, [R#'PerRecipientProbeTransferFields'.'originally-specified-recipient-number' ||
                   R <- E#'ProbeTransferEnvelope'.'per-recipient-fields']}].

%% ---- what both have ----

eits(#'EncodedInformationTypes84'{builtIn = B}) -> bits(B);
eits(#'EncodedInformationTypes'{'built-in-encoded-information-types' = B}) -> bits(B);
eits(asn1_NOVALUE) -> asn1_NOVALUE.

bits(L) when is_list(L) -> L;
bits(B) when is_bitstring(B) -> [I || {I, 1} <- lists:zip(lists:seq(0, bit_size(B) - 1), [X || <<X:1>> <= B])].

fate({delivery, _}) -> delivered;
fate({'non-delivery', #'NonDeliveryReport'{'non-delivery-reason-code' = R, 'non-delivery-diagnostic-code' = D}}) ->
    text(R) ++ "/" ++ text(D).

p2(C) ->
    {ok, {im, #'IM-UAPDU84'{heading = H, body = B}}} = 'IPMS84':decode('UAPDU84', C),
    [{subject, H#'Heading84'.subject}, {parts, [part(P) || P <- B]}].
p22(C) ->
    {ok, {ipm, #'IPM'{heading = H, body = B}}} = 'IPMS':decode('InformationObject', C),
    [{subject, H#'Heading'.subject}, {parts, [part(P) || P <- B]}].

part({Kind, V}) when is_binary(V) -> atom_to_list(Kind) ++ ":" ++ sum(V);
part({Kind, _}) -> atom_to_list(Kind).

sum(V) -> string:lowercase(binary_to_list(binary:encode_hex(erlang:md5(V)))).
