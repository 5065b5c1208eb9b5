#!/usr/bin/env escript
%% SPDX-License-Identifier: BSD-2-Clause
%% asn1-erlang.escript PEER COUNT: values of our types, made at random from a fixed seed by Erlang's ASN.1 compiler.
%% Each is encoded by Erlang, in definite and in indefinite lengths, decoded and encoded again by our code (PEER), and what
%% Erlang reads in our encoding must be the value.
%% The modules are compiled already and lie in the working directory.
-mode(compile).

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
    code:add_patha("."),
    Cases = [C || {M, T} <- types(), N <- lists:seq(1, list_to_integer(Count)), C <- cases(M, T, N)],
    ok = file:write_file("requests", [[atom_to_list(T), " ", binary:encode_hex(B), "\n"] || {_, T, _, B, _} <- Cases]),
    "" = os:cmd(Peer ++ " <requests >answers"),
    {ok, Out} = file:read_file("answers"),
    Answers = binary:split(Out, <<"\n">>, [global, trim_all]),
    length(Answers) =:= length(Cases) orelse halt_with("the peer answered ~b of ~b", [length(Answers), length(Cases)]),
    Failed = length([x || {C, A} <- lists:zip(Cases, Answers), not same(C, A)]),
    io:format("~b passed, ~b failed~n", [length(Cases) - Failed, Failed]),
    halt(case Failed of 0 when Cases =/= [] -> 0; _ -> 1 end).

halt_with(Format, Args) ->
    io:format(Format ++ "~n", Args),
    halt(1).

%% One value: {Module, Type, its BER by Erlang, what we are given, name of the form}.
cases(M, T, N) ->
    case encode(M, T, make_value(M, T, 20)) of
        {ok, _, Ber} ->
            [{M, T, Ber, Ber, {N, definite}}, {M, T, Ber, indefinite(Ber), {N, indefinite}}];
        error -> halt_with("no value of ~p could be made", [T])
    end.

%% The compiler fills every OPTIONAL; some are taken away where the encoder lets us. Value sets of a few types are
%% endless by chance: again, a few times.
make_value(_, T, 0) -> halt_with("no value of ~p could be made", [T]);
make_value(M, T, Tries) ->
    case asn1ct:value(M, T) of
        {ok, V} ->
            case encode(M, T, V) of
                {ok, _, _} -> thin(M, T, V, 12);
                error -> make_value(M, T, Tries - 1)
            end;
        _ -> make_value(M, T, Tries - 1)
    end.

thin(_, _, V, 0) -> V;
thin(M, T, V, N) ->
    Less = drop(V),
    case encode(M, T, Less) of
        {ok, _, _} -> thin(M, T, Less, N - 1);
        error -> thin(M, T, V, N - 1)
    end.

%% Sets one field of one record on a random path to absent.
drop(V) when is_tuple(V), tuple_size(V) >= 2, is_atom(element(1, V)) ->
    I = 1 + rand:uniform(tuple_size(V) - 1),
    case rand:uniform(3) of
        1 when tuple_size(V) > 2 -> setelement(I, V, asn1_NOVALUE);
        _ -> setelement(I, V, drop(element(I, V)))
    end;
drop([H | _] = L) when is_tuple(H) ->
    {Before, [X | After]} = lists:split(rand:uniform(length(L)) - 1, L),
    Before ++ [drop(X) | After];
drop(V) -> V.

%% Its encoder takes some values that lack a mandatory member; its decoder does not.
encode(M, T, V) ->
    try
        {ok, Ber} = M:encode(T, V),
        {ok, _} = M:decode(T, Ber),
        {ok, V, Ber}
    catch _:_ -> error
    end.

%% The same element with every constructed encoding in indefinite length.
indefinite(<<>>) -> <<>>;
indefinite(<<0, 0, R/binary>>) -> <<0, 0, (indefinite(R))/binary>>;
indefinite(B) ->
    {Id, Constructed, R1} = identifier(B),
    {Len, R2} = len(R1),
    <<Value:Len/binary, Rest/binary>> = R2,
    One = case Constructed of
        true -> <<Id/binary, 16#80, (indefinite(Value))/binary, 0, 0>>;
        false -> <<Id/binary, (binary:part(R1, 0, byte_size(R1) - byte_size(R2)))/binary, Value/binary>>
    end,
    <<One/binary, (indefinite(Rest))/binary>>.

identifier(<<_:2, C:1, 31:5, _/binary>> = B) -> identifier(B, C, 1);
identifier(<<_:2, C:1, _:5, R/binary>> = B) -> {binary:part(B, 0, 1), C =:= 1, R}.
identifier(B, C, N) ->
    case binary:at(B, N) of
        O when O >= 128 -> identifier(B, C, N + 1);
        _ -> {binary:part(B, 0, N + 1), C =:= 1, binary:part(B, N + 1, byte_size(B) - N - 1)}
    end.

len(<<0:1, L:7, R/binary>>) -> {L, R};
len(<<1:1, N:7, L:N/unit:8, R/binary>>) -> {L, R}.

same({M, T, Ber, Given, Form}, Answer) ->
    try
        {ok, V0} = M:decode(T, Ber),
        {ok, V1} = M:decode(T, Given),
        {ok, V2} = M:decode(T, binary:decode_hex(Answer)),
        V0 =:= V1 orelse throw({"Erlang reads its own two forms otherwise", V0, V1}),
        case T of
            'GeneralTextParameters' -> is_same(lists:sort(V1), lists:sort(V2));
            _ -> is_same(V1, V2)
        end
    catch
        _:Why ->
            io:format("~p ~p: ~P~n  given  ~s~n  answer ~s~n", [T, Form, Why, 40, binary:encode_hex(Given), Answer]),
            false
    end.

%% Equal, but for the order in lists of things: our encoder sorts SET OF.
is_same(A, A) -> true;
is_same(A, B) when is_tuple(A), is_tuple(B), tuple_size(A) =:= tuple_size(B) ->
    [is_same(X, Y) || {X, Y} <- lists:zip(tuple_to_list(A), tuple_to_list(B))],
    true;
is_same([H | _] = A, B) when not is_integer(H), length(A) =:= length(B) ->
    Sort = fun(L) -> lists:sort([sorted(X) || X <- L]) end,
    Sort(A) =:= Sort(B) orelse throw({"differ", A, B});
is_same(A, B) -> throw({"differ", A, B}).

sorted([H | _] = L) when not is_integer(H) -> lists:sort([sorted(X) || X <- L]);
sorted(T) when is_tuple(T) -> list_to_tuple([sorted(X) || X <- tuple_to_list(T)]);
sorted(V) -> V.
