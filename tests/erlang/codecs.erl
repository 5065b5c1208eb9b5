%% SPDX-License-Identifier: BSD-2-Clause
%% codecs:main([Peer, Count]): each value is encoded by Erlang, decoded and encoded again by the program's own codecs
%% (Peer, codecs.c), and what Erlang reads in that must say the same as the value.
%%
%% mend/1 makes of what the grammar allows what the Recommendations allow: times that exist, countries, extensions each
%% once and with a value of their type, the presentation contexts of an association. plain/1 is applied to both sides and
%% takes away what may differ: defaults that are written out or left out, the order in a SET OF, how a time is written,
%% and the fields that our codecs read over (listed in unused/1).
-module(codecs).
-export([main/1]).

-include("MTA.hrl").
-include("MTS.hrl").
-include("MTABind.hrl").
-include("ACSE.hrl").
-include("Presentation.hrl").
-include("RTSE.hrl").
-include("External.hrl").
-include("IPMS.hrl").

-define(BER, {2, 1, 1}).
-define(OPAQUE, <<4, 3, 1, 2, 3>>).

types() ->
    [{'MTA', 'MTS-APDU', 3}, {'MTS', 'ORName', 3}, {'MTABind', 'MTABindArgument', 1}, {'MTABind', 'MTABindResult', 1},
     {'MTABind', 'MTABindError', 1}, {'ACSE', 'ACSE-apdu', 2}, {'Presentation', 'CP-type', 1},
     {'Presentation', 'CPA-PPDU', 1}, {'Presentation', 'CPR-PPDU', 1}, {'RTSE', 'RTSE-apdus', 2},
     {'IPMS', 'Heading', 3}].

%% Count values of each type, three times as many of those that have the most to say.
main([Peer, Count]) ->
    rand:seed(exsss, {1988, 6, 22}),
    Cases = [C || {M, T, Times} <- types(), _ <- lists:seq(1, Times * list_to_integer(Count)),
                  C <- values:forms(M, T, values:make(M, T, fun mend/1))],
    values:ask(Peer, Cases, fun same/2).

same({{M, T, _}, Ber, Given}, Answer) ->
    {ok, V0} = M:decode(T, Ber),
    {ok, V1} = M:decode(T, Given),
    Want = plain(V0),
    Want =:= plain(V1) orelse throw({"Erlang reads its own two forms otherwise", V1}),
    is_integer(binary:first(Answer)) andalso binary:part(Answer, 0, min(5, byte_size(Answer))) =/= <<"error">>
        orelse throw({"refused", Answer}),
    {ok, V2} = M:decode(T, binary:decode_hex(Answer)),
    differ(Want, plain(V2)).

%% Throws the innermost difference.
differ(A, A) -> true;
differ(A, B) when is_tuple(A), is_tuple(B), tuple_size(A) =:= tuple_size(B), element(1, A) =:= element(1, B) ->
    [differ(X, Y) || {X, Y} <- lists:zip(tuple_to_list(A), tuple_to_list(B))];
differ([H | _] = A, B) when not is_integer(H), length(A) =:= length(B) ->
    [differ(X, Y) || {X, Y} <- lists:zip(A, B)];
differ(A, B) -> throw({expected, A, got, B}).

%% ---- values that the Recommendations allow ----

mend(V) -> values:fold(fun mended/1, V).

value(M, T) -> values:make(M, T, fun mend/1).

open(M, T) ->
    {ok, Ber} = values:encode(M, T, value(M, T)),
    Ber.

one_of(L) -> lists:nth(rand:uniform(length(L)), L).

some(Max, L) -> lists:sublist([X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- L])], rand:uniform(Max)).

%% What Erlang puts into strings of each type, cut anywhere.
mended("97100211-0500") -> utc_time();
mended("Pri" ++ _ = S) -> text(S, "Smith and (Jones) 1,2.3/4:5=6?'+-");
mended("IA5" ++ _ = S) -> text(S, "m-1@[x]{y}_~!#;*\"%&<>|");
mended("Tel" ++ _ = S) -> teletex(length(S));
mended("BMP" ++ _ = S) -> text(S, [16#41, 16#E9, 16#3B1, 16#416, 16#4F60, 16#20AC]);
mended("Uni" ++ _ = S) -> text(S, [16#42, 16#F6, 16#3C9, 16#434, 16#597D, {0, 1, 16#F6, 0}]);
mended({'iso-3166-alpha2-code', _}) -> {'iso-3166-alpha2-code', one_of(["GB", "DE", "us", "FR"])};
mended({Numeric, []}) when Numeric =:= numeric; Numeric =:= printable -> {printable, one_of([" ", "GOLD 400"])};
mended(#'EncodedInformationTypes'{} = E) ->
    case rand:uniform(2) of
        1 -> E#'EncodedInformationTypes'{'g3-facsimile' = asn1_NOVALUE, teletex = asn1_NOVALUE,
                                         'g4-class-1-and-mixed-mode' = asn1_NOVALUE};
        2 -> E
    end;
mended(#'NonDeliveryReport'{'non-delivery-diagnostic-code' = D} = R) when is_integer(D) ->
    R#'NonDeliveryReport'{'non-delivery-diagnostic-code' = abs(D) rem 80};
mended(#'BuiltInStandardAttributes'{'country-name' = asn1_NOVALUE} = S) ->
    S#'BuiltInStandardAttributes'{'country-name' = {'iso-3166-alpha2-code', "GB"}};
mended(#'PDSParameter'{'printable-string' = asn1_NOVALUE, 'teletex-string' = asn1_NOVALUE}) ->
    #'PDSParameter'{'printable-string' = "Main Street 1"};
mended(#'UnformattedPostalAddress'{'printable-address' = asn1_NOVALUE, 'teletex-string' = asn1_NOVALUE}) ->
    #'UnformattedPostalAddress'{'printable-address' = ["Main Street 1", "London"]};
mended(#'UniversalOrBMPString'{'character-encoding' = {Form, []}} = U) ->
    U#'UniversalOrBMPString'{'character-encoding' = {Form, "x"}};
mended({'PSAPAddress', P, S, T, {Record, _}}) -> {'PSAPAddress', P, S, T, {Record, [<<16#47, 0, 5>>, <<16#49>>]}};
mended(#'ORName'{} = N) -> N#'ORName'{'extension-attributes' = attributes(N)};
mended(#'ORAddress'{'built-in-standard-attributes' = S, 'built-in-domain-defined-attributes' = D,
                    'extension-attributes' = L} = A) ->
    A#'ORAddress'{'extension-attributes' = attributes(#'ORName'{'built-in-standard-attributes' = S,
                                                                'built-in-domain-defined-attributes' = D,
                                                                'extension-attributes' = L})};
mended([#'ExtensionField'{} | _] = L) -> [extension(N) || N <- some(length(L), lists:seq(1, 47))];
mended([#'IPMSExtension'{} | _] = L) -> lists:ukeysort(#'IPMSExtension'.type, L);
mended(#'IPMSExtension'{} = X) -> ipms_extension(X, rand:uniform(6));
mended({Strong, L}) when is_list(L), Strong =:= strong; Strong =:= protected ->
    {simple, one_of([{'octet-string', <<"secret">>}, {'ia5-string', "secret"}, {'ia5-string', ""}])};
mended(#'AARQ-apdu'{'user-information' = U} = A) -> A#'AARQ-apdu'{'user-information' = external(U)};
mended(#'AARE-apdu'{'user-information' = U} = A) ->
    A#'AARE-apdu'{'user-information' = external(U), result = #'Explicit-integer'{value = rand:uniform(3) - 1},
                  'result-source-diagnostic' = {one_of(['acse-service-user', 'acse-service-provider']),
                                                #'Explicit-integer'{value = rand:uniform(15) - 1}}};
mended(#'RLRQ-apdu'{'user-information' = U} = A) -> A#'RLRQ-apdu'{'user-information' = external(U)};
mended(#'RLRE-apdu'{'user-information' = U} = A) -> A#'RLRE-apdu'{'user-information' = external(U)};
mended(#'ABRT-apdu'{'user-information' = U} = A) -> A#'ABRT-apdu'{'user-information' = external(U)};
mended(#'CP-type'{'normal-mode-parameters' = N}) ->
    #'CP-type'{'mode-selector' = #'Mode-selector'{'mode-value' = 'normal-mode'},
               'normal-mode-parameters' = default(N, #'CP-normal'{})};
mended(#'CPA-PPDU'{'normal-mode-parameters' = N}) ->
    #'CPA-PPDU'{'mode-selector' = #'Mode-selector'{'mode-value' = 'normal-mode'},
                'normal-mode-parameters' = default(N, #'CPA-normal'{})};
mended({'x410-mode-parameters', _}) -> {'normal-mode-parameters', value('Presentation', 'CPR-normal')};
mended(#'Context-definition'{'presentation-context-identifier' = I} = C) ->
    C#'Context-definition'{'presentation-context-identifier' = 2 * (abs(I) rem 40000) + 1};
mended(#'Context-result'{'provider-reason' = R} = C) when is_integer(R) ->
    C#'Context-result'{'provider-reason' = abs(R) rem 4};
mended(#'RTORQapdu'{} = A) ->
    A#'RTORQapdu'{checkpointSize = one_of([asn1_NOVALUE, 0, 1, 200, 65536]), connectionDataRQ = {open, ?OPAQUE},
                  applicationProtocol = one_of([asn1_NOVALUE, 1, 12]),
                  windowSize = one_of([asn1_NOVALUE, 1, 3, 255])};
mended(#'RTOACapdu'{} = A) ->
    A#'RTOACapdu'{checkpointSize = one_of([asn1_NOVALUE, 0, 1, 200, 65536]), connectionDataAC = {open, ?OPAQUE},
                  windowSize = one_of([asn1_NOVALUE, 1, 3, 255])};
mended({Streamed, _}) when Streamed =:= 'rttr-apdu'; Streamed =:= 'rttp-apdu' ->
    {'rtab-apdu', value('RTSE', 'RTABapdu')};
mended(V) -> V.

text(Like, Characters) -> [one_of(Characters) || _ <- Like].

%% T.61: an accent stands before its letter.
teletex(N) when N < 2 -> "T";
teletex(N) -> one_of([[16#C8, $u], [16#C2, $e], [16#E1, $x], "ab"]) ++ lists:duplicate(N - 2, $o).

utc_time() ->
    {Y, Mo, D} = {one_of(lists:seq(80, 99) ++ lists:seq(0, 60)), rand:uniform(12), rand:uniform(28)},
    Text = [io_lib:format("~2..0b", [N]) || N <- [Y, Mo, D, rand:uniform(24) - 1, rand:uniform(60) - 1]],
    lists:flatten([Text, one_of(["", "00", "59"]), one_of(["Z", "Z", "+0100", "-0530"])]).

%% An EXTERNAL as association control uses it.
external([_ | _]) ->
    [#'ExternalValue'{'direct-reference' = one_of([asn1_NOVALUE, ?BER]), 'indirect-reference' = one_of([1, 3, 127, 129]),
                      'data-value-descriptor' = asn1_NOVALUE, encoding = {'single-ASN1-type', ?OPAQUE}}];
external(_) -> asn1_NOVALUE.

%% Extension attributes of a name, each once, 41 standing for those to come. Personal names, units and domain-defined
%% attributes are in one form only: where there are more our encoder fills each form up from the others.
attributes(#'ORName'{'extension-attributes' = asn1_NOVALUE}) -> asn1_NOVALUE;
attributes(#'ORName'{'extension-attributes' = L, 'built-in-standard-attributes' = S} = N) ->
    Taken = [T || {V, Ts} <- [{S#'BuiltInStandardAttributes'.'personal-name', [4, 26]},
                              {S#'BuiltInStandardAttributes'.'organizational-unit-names', [5, 27]},
                              {N#'ORName'.'built-in-domain-defined-attributes', [6, 28]}],
                  T <- case V of asn1_NOVALUE -> [one_of(Ts)]; _ -> Ts end],
    [#'ExtensionAttribute'{'extension-attribute-type' = T,
                           'extension-attribute-value' = open('MTS', attribute_type(T))}
     || T <- some(length(L) + 3, lists:seq(1, 41) -- Taken)].

attribute_type(1) -> 'CommonName';
attribute_type(2) -> 'TeletexCommonName';
attribute_type(3) -> 'TeletexOrganizationName';
attribute_type(4) -> 'TeletexPersonalName';
attribute_type(5) -> 'TeletexOrganizationalUnitNames';
attribute_type(6) -> 'TeletexDomainDefinedAttributes';
attribute_type(7) -> 'PDSName';
attribute_type(8) -> 'PhysicalDeliveryCountryName';
attribute_type(9) -> 'PostalCode';
attribute_type(16) -> 'UnformattedPostalAddress';
attribute_type(N) when N =< 21 -> 'PDSParameter';
attribute_type(22) -> 'ExtendedNetworkAddress';
attribute_type(23) -> 'TerminalType';
attribute_type(26) -> 'UniversalPersonalName';
attribute_type(27) -> 'UniversalOrganizationalUnitNames';
attribute_type(28) -> 'UniversalDomainDefinedAttributes';
attribute_type(41) -> 'ContentCorrelator';
attribute_type(_) -> 'UniversalOrBMPString'.

%% 47 stands for a private extension.
extension(N) ->
    Type = case N of 47 -> {'private-extension', {1, 3, 6, 1, 4, 1, rand:uniform(70000)}}; _ -> {'standard-extension', N} end,
    {ok, TypeBer} = 'MTS':encode('ExtensionType', Type),
    {M, T} = extension_type(N),
    #'ExtensionField'{type = TypeBer, value = open(M, T),
                      criticality = some(4, ['for-submission', 'for-transfer', 'for-delivery']) -- ['for-submission']}.

extension_type(N) when N =:= 1; N =:= 3; N =:= 4; N =:= 7; N =:= 8; N =:= 21; N =:= 22 -> {'MTS', 'ExtensionSwitch'};
extension_type(N) when N =:= 2; N =:= 31 -> {'MTS', 'ORName'};
extension_type(5) -> {'MTS', 'MTSTime'};
extension_type(6) -> {'MTS', 'RequestedDeliveryMethod'};
extension_type(13) -> {'MTS', 'OriginatorReturnAddress'};
extension_type(20) -> {'MTS', 'SecurityLabel'};
extension_type(25) -> {'MTS', 'RedirectionHistory'};
extension_type(26) -> {'MTS', 'DLExpansionHistory'};
extension_type(30) -> {'MTS', 'OriginatorAndDLExpansionHistory'};
extension_type(38) -> {'MTA', 'InternalTraceInformation'};
extension_type(39) -> {'MTS', 'ReportingMTAName'};
extension_type(42) -> {'MTS', 'DLExemptedRecipients'};
extension_type(_) -> {'MTS', 'ContentCorrelator'}.

%% Those that our heading has fields for, and others.
ipms_extension(X, 1) -> X#'IPMSExtension'{type = {2, 6, 1, 5, 0}, value = asn1_NOVALUE};
ipms_extension(X, 2) -> X#'IPMSExtension'{type = {2, 6, 1, 5, 1}, value = <<16#31, 8, 16#13, 2, "de", 16#13, 2, "en">>};
ipms_extension(X, 3) -> X#'IPMSExtension'{type = {2, 6, 1, 5, 2}, value = <<10, 1, 2>>};
ipms_extension(X, _) -> X.

%% ---- what a value says ----

plain(V) -> values:fold(fun(X) -> said(unused(X)) end, V).

%% An empty list, set of bits or string in a record is the same as none; so is a default.
said(V) when is_tuple(V), is_atom(element(1, V)), tuple_size(V) > 2 ->
    list_to_tuple([case X of [] -> asn1_NOVALUE; _ -> X end || X <- tuple_to_list(V)]);
said([H | _] = L) when is_tuple(H), element(1, H) =:= 'ExtensionField'; is_tuple(H),
                       element(1, H) =:= 'ExtensionAttribute'; is_tuple(H), element(1, H) =:= 'IPMSExtension' ->
    lists:sort(L); % the SETs OF whose order our codecs keep, or change to that of the numbers
said([D | _] = S) when D >= $0, D =< $9, length(S) >= 11 ->
    case re:run(S, "^([0-9]{10})([0-9]{2})?(Z|[+-][0-9]{4})$", [{capture, all_but_first, list}]) of
        {match, [At, Seconds, Zone]} -> {time, seconds(At, Seconds, Zone)};
        nomatch -> S
    end;
said(V) -> V.

seconds(At, Seconds, Zone) ->
    [Y, Mo, D, H, Mi] = [list_to_integer(lists:sublist(At, I, 2)) || I <- [1, 3, 5, 7, 9]],
    S = case Seconds of "" -> 0; _ -> list_to_integer(Seconds) end,
    Offset = case Zone of
        "Z" -> 0;
        [Sign, H1, H2, M1, M2] -> (list_to_integer([H1, H2]) * 60 + list_to_integer([M1, M2])) *
                                      case Sign of $+ -> 60; $- -> -60 end
    end,
    Year = case Y of _ when Y >= 76 -> 1900 + Y; _ -> 2000 + Y end,
    calendar:datetime_to_gregorian_seconds({{Year, Mo, D}, {H, Mi, S}}) - Offset.

%% Defaults, what our codecs do not use, and values of open types read as what they are.
unused(#'MessageTransferEnvelope'{priority = normal} = E) -> E#'MessageTransferEnvelope'{priority = asn1_NOVALUE};
unused(#'DeliveryReport'{'type-of-MTS-user' = public} = R) -> R#'DeliveryReport'{'type-of-MTS-user' = asn1_NOVALUE};
unused(#'UniversalOrBMPString'{'character-encoding' = {_, Characters}}) ->
    {universal, [case C of {0, 0, H, L} -> H * 256 + L; _ -> C end || C <- Characters]}; % the language is left out
unused({'PSAPAddress', P, S, T, {Record, N}}) -> {'PSAPAddress', P, S, T, {Record, lists:sort(N)}};
unused(#'ExtensionAttribute'{'extension-attribute-type' = Named, 'extension-attribute-value' = Ber}) ->
    {ok, <<2, 1, N>>} = 'MTS':encode('ExtensionAttributeType', Named),
    {ok, V} = 'MTS':decode(attribute_type(N), Ber),
    {'ExtensionAttribute', N, plain(V)};
unused(#'ExtensionField'{type = Type, criticality = C, value = Ber}) ->
    {ok, T} = 'MTS':decode('ExtensionType', Type),
    {M, ValueType} = extension_type(case T of {'standard-extension', N} -> N; _ -> 47 end),
    {ok, V} = M:decode(ValueType, Ber),
    {'ExtensionField', T, C, plain(V)};
unused(#'IPMSExtension'{value = Ber} = X) when is_binary(Ber) ->
    X#'IPMSExtension'{value = {ber, asn1rt_nif:decode_ber_tlv(Ber)}};
unused(#'AARQ-apdu'{'application-context-name' = C, 'implementation-information' = I, 'user-information' = U}) ->
    {'AARQ-apdu', C, I, U};
unused(#'AARE-apdu'{'application-context-name' = C, result = R, 'result-source-diagnostic' = D,
                    'implementation-information' = I, 'user-information' = U}) -> {'AARE-apdu', C, R, D, I, U};
unused(#'RLRQ-apdu'{'user-information' = U}) -> {'RLRQ-apdu', U, normal};
unused(#'RLRE-apdu'{'user-information' = U}) -> {'RLRE-apdu', U, normal};
unused(#'ABRT-apdu'{'abort-source' = S, 'user-information' = U}) -> {'ABRT-apdu', S, U};
unused(#'ExternalValue'{'indirect-reference' = I, encoding = E}) -> {'ExternalValue', I, E};
unused(#'CP-normal'{'calling-presentation-selector' = A, 'called-presentation-selector' = B,
                    'presentation-context-definition-list' = L, 'user-data' = U}) -> {'CP-normal', A, B, L, U};
unused(#'Context-definition'{'transfer-syntax-name-list' = L} = C) -> % BER is the one that we know
    C#'Context-definition'{'transfer-syntax-name-list' = lists:usort([?BER | L]) -- (L -- [?BER])};
unused(#'CPA-normal'{'responding-presentation-selector' = S, 'presentation-context-definition-result-list' = L,
                     'user-data' = U}) -> {'CPA-normal', S, L, U};
unused(#'CPR-normal'{'responding-presentation-selector' = S, 'presentation-context-definition-result-list' = L,
                     'provider-reason' = R, 'user-data' = U}) -> {'CPR-normal', S, L, R, U};
unused(#'Context-result'{result = acceptance}) -> {'Context-result', acceptance, asn1_NOVALUE};
unused(#'Context-result'{result = R, 'provider-reason' = P}) -> {'Context-result', R, P};
unused(#'RTORQapdu'{checkpointSize = C, windowSize = W, dialogueMode = D, connectionDataRQ = U,
                    applicationProtocol = P}) ->
    {'RTORQapdu', default(C, 0), default(W, 3), default(D, monologue), U, P};
unused(#'RTOACapdu'{checkpointSize = C, windowSize = W, connectionDataAC = U}) ->
    {'RTOACapdu', default(C, 0), default(W, 3), U};
unused(#'RTABapdu'{abortReason = R, userdataAB = U}) -> {'RTABapdu', default(R, localSystemProblem), U};
unused(#'Heading'{importance = I, 'auto-forwarded' = F} = H) ->
    H#'Heading'{importance = default(I, normal), 'auto-forwarded' = default(F, false)};
unused(#'RecipientSpecifier'{'reply-requested' = R} = S) ->
    S#'RecipientSpecifier'{'reply-requested' = default(R, false)};
unused(V) -> V.

default(asn1_NOVALUE, Default) -> Default;
default(V, _) -> V.
