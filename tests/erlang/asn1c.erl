%% SPDX-License-Identifier: BSD-2-Clause
%% asn1c:main([Peer, Count]): each value is encoded by Erlang, decoded and encoded again by what asn1c made of the same
%% modules (Peer, asn1c.c), and what Erlang reads in that must be the value.
-module(asn1c).
-export([main/1]).

types() ->
    [{'MTA', 'MTS-APDU'}, {'MTA', 'MessageTransferEnvelope'}, {'MTA', 'ReportTransferContent'},
     {'MTA', 'InternalTraceInformation'}, {'MTS', 'ORName'}, {'MTS', 'RedirectionHistory'},
     {'MTS', 'OriginatorAndDLExpansionHistory'}, {'MTS', 'DLExpansionHistory'}, {'MTS', 'ReportingMTAName'},
     {'MTS', 'ExtendedNetworkAddress'}, {'MTS', 'UniversalPersonalName'}, {'MTS', 'UniversalDomainDefinedAttributes'},
     {'MTS', 'TeletexPersonalName'}, {'MTS', 'UnformattedPostalAddress'}, {'MTS', 'SecurityLabel'},
     {'MTABind', 'MTABindArgument'}, {'MTABind', 'MTABindResult'}, {'MTABind', 'MTABindError'},
     {'ACSE', 'ACSE-apdu'}, {'ACSE', 'AARQ-apdu'}, {'ACSE', 'AARE-apdu'},
     {'Presentation', 'CP-type'}, {'Presentation', 'CPA-PPDU'}, {'Presentation', 'CPR-PPDU'},
     {'Presentation', 'ARU-PPDU'}, {'Presentation', 'ARP-PPDU'}, {'Presentation', 'User-data'},
     {'RTSE', 'RTSE-apdus'}, {'RTSE', 'RTORQapdu'}, {'RTSE', 'RTOACapdu'},
     {'IPMS', 'Heading'}, {'IPMS', 'InformationObject'}, {'IPMS', 'IPN'}, {'IPMS', 'BodyPart'},
     {'IPMS', 'GeneralTextParameters'}, {'IPMS', 'FileTransferParameters'}, {'IPMS', 'FileTransferData'}].

main([Peer, Count]) ->
    rand:seed(exsss, {1988, 6, 22}),
    Cases = [C || {M, T} <- types(), _ <- lists:seq(1, list_to_integer(Count)),
                  C <- values:forms(M, T, values:make(M, T))],
    values:ask(Peer, Cases, fun same/2).

same({{M, T, _}, Ber, Given}, Answer) ->
    {ok, V0} = M:decode(T, Ber),
    {ok, V1} = M:decode(T, Given),
    {ok, V2} = M:decode(T, binary:decode_hex(Answer)),
    V0 =:= V1 orelse throw({"Erlang reads its own two forms otherwise", V0, V1}),
    case T of
        'GeneralTextParameters' -> is_same(lists:sort(V1), lists:sort(V2));
        _ -> is_same(V1, V2)
    end.

%% Equal, but for the order in lists of things: asn1c's encoder sorts SET OF.
is_same(A, A) -> true;
is_same(A, B) when is_tuple(A), is_tuple(B), tuple_size(A) =:= tuple_size(B) ->
    [is_same(X, Y) || {X, Y} <- lists:zip(tuple_to_list(A), tuple_to_list(B))],
    true;
is_same([H | _] = A, B) when not is_integer(H), length(A) =:= length(B) ->
    Sort = fun(L) -> lists:sort([sorted(X) || X <- L]) end,
    Sort(A) =:= Sort(B) orelse throw({"differ", A, B});
is_same(A, B) -> throw({"differ", A, B}).

sorted(V) ->
    values:fold(fun([H | _] = L) when not is_integer(H) -> lists:sort(L); (X) -> X end, V).
