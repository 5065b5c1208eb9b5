%% SPDX-License-Identifier: BSD-2-Clause
%% Values of ASN.1 types, made at random by Erlang's ASN.1 compiler from a seed that its user sets; their encodings in
%% definite and indefinite lengths; and the conversation with a program that decodes and encodes them again.
%% The modules are compiled already and lie in the working directory.
-module(values).
-export([make/2, make/3, encode/3, forms/3, ask/3, fold/2, halt_with/2]).

halt_with(Format, Args) ->
    io:format(Format ++ "~n", Args),
    halt(1).

%% The compiler fills every OPTIONAL; some are taken away where the encoder lets us. Mend makes values that the grammar
%% allows into such that the standard allows. Value sets of a few types are endless by chance: again, a few times.
make(M, T) -> make(M, T, fun(V) -> V end).
make(M, T, Mend) -> make(M, T, Mend, 100).

make(_, T, _, 0) -> halt_with("no value of ~p could be made", [T]);
make(M, T, Mend, Tries) ->
    try
        {ok, V} = asn1ct:value(M, T),
        {ok, _} = encode(M, T, V),
        Mended = Mend(thin(M, T, V, 12)),
        {ok, _} = encode(M, T, Mended),
        Mended
    catch
        error:{badmatch, _} -> make(M, T, Mend, Tries - 1)
    end.

thin(_, _, V, 0) -> V;
thin(M, T, V, N) ->
    Less = drop(V),
    case encode(M, T, Less) of
        {ok, _} -> thin(M, T, Less, N - 1);
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
        {ok, Ber}
    catch _:_ -> error
    end.

%% The cases of one value: {Type, its BER by Erlang, what the peer is given}.
forms(M, T, V) ->
    {ok, Ber} = encode(M, T, V),
    [{{M, T, definite}, Ber, Ber}, {{M, T, indefinite}, Ber, indefinite(Ber)}].

%% Asks the peer about all cases, calls Same(Case, Answer) for each, tells and counts; throws of Same are differences.
ask(Peer, Cases, Same) ->
    Requests = [[atom_to_list(T), " ", binary:encode_hex(Given), "\n"] || {{_, T, _}, _, Given} <- Cases],
    ok = file:write_file("requests", Requests),
    "" = os:cmd(Peer ++ " <requests >answers"),
    {ok, Out} = file:read_file("answers"),
    Answers = binary:split(Out, <<"\n">>, [global, trim_all]),
    length(Answers) =:= length(Cases) orelse halt_with("the peer answered ~b of ~b", [length(Answers), length(Cases)]),
    Failed = length([x || {C, A} <- lists:zip(Cases, Answers), not told(C, A, Same)]),
    io:format("~b passed, ~b failed~n", [length(Cases) - Failed, Failed]),
    halt(case Failed of 0 when Cases =/= [] -> 0; _ -> 1 end).

told({{M, T, Form}, Ber, Given} = Case, Answer, Same) ->
    try
        Same(Case, Answer),
        true
    catch
        _:Why ->
            {ok, V} = M:decode(T, Ber),
            io:format("~p in ~p form: ~P~n  value  ~P~n  given  ~s~n  answer ~s~n",
                      [T, Form, Why, 60, V, 200, binary:encode_hex(Given), Answer]),
            false
    end.

%% F of every part of a term, innermost first.
fold(F, V) when is_tuple(V) -> F(list_to_tuple([fold(F, X) || X <- tuple_to_list(V)]));
fold(F, [H | _] = V) when not is_integer(H) -> F([fold(F, X) || X <- V]);
fold(F, V) -> F(V).

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
