// SPDX-License-Identifier: BSD-2-Clause
// The sets of the ISO international register that are read and written here. Their contents are those of the C
// library's iconv, against which the tests hold them, but for: T.61's free positions, where senders mean ASCII; set 2's
// currency sign; and set 126 as it was registered (the euro, drachma and ypogegrammeni came later with another number).
#include "x400/charset_sets.h"

#include <stddef.h>
#include <string.h>

enum { NONE = 0, MISSING = ' ' };

static const struct charset_set sets[] = {
    // clang-format off
    {6, 'B', false, false, NULL, u""},
    {2, '@', false, false, NULL, u"$¤"},
    {4, 'A', false, false, NULL, u"#£~‾"},
    {10, 'G', false, false, NULL, u"$¤[Ä\\Ö]Å{ä|ö}å~‾"},
    {11, 'H', false, false, NULL, u"$¤@É[Ä\\Ö]Å^Ü`é{ä|ö}å~ü"},
    {14, 'J', false, false, NULL, u"\\¥~‾"},
    {15, 'Y', false, false, NULL, u"#£@§[°\\ç]é`ù{à|ò}è~ì"},
    {16, 'L', false, false, NULL, u"@§[Ã\\Ç]Õ{ã|ç}õ~°"},
    {17, 'Z', false, false, NULL, u"#£@§[¡\\Ñ]¿{°|ñ}ç"},
    {21, 'K', false, false, NULL, u"@§[Ä\\Ö]Ü{ä|ö}ü~ß"},
    {25, 'R', false, false, NULL, u"#£@à[°\\ç]§{é|ù}è~¨"},
    {60, '`', false, false, NULL, u"[Æ\\Ø]Å{æ|ø}å~‾"},
    {69, 'f', false, false, NULL, u"#£@à[°\\ç]§`µ{é|ù}è~¨"},
    {84, 'g', false, false, NULL, u"@´[Ã\\Ç]Õ{ã|ç}õ"},
    {85, 'h', false, false, NULL, u"@•[¡\\Ñ]Ç^¿{´|ñ}ç~¨"},
    {86, 'i', false, false, NULL, u"$¤@Á[É\\Ö]Ü`á{é|ö}ü~˝"},
    {102, 'u', false, false, NULL, u""},
    {103, 'v', false, true, NULL,
     u" ¡¢£$¥#§¤  «    °±²³×µ¶·÷  »¼½¾¿                "
     u"                ΩÆÐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ"},
    {100, 'A', true, true, NULL,
     u"\u00A0¡¢£¤¥¦§¨©ª«¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ"
     u"ÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"},
    {101, 'B', true, true, NULL,
     u"\u00A0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u00ADŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎ"
     u"ĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"},
    {109, 'C', true, true, NULL,
     u"\u00A0Ħ˘£¤ Ĥ§¨İŞĞĴ\u00AD Ż°ħ²³´µĥ·¸ışğĵ½ żÀÁÂ ÄĊĈÇÈÉÊËÌÍÎÏ"
     u" ÑÒÓÔĠÖ×ĜÙÚÛÜŬŜßàáâ äċĉçèéêëìíîï ñòóôġö÷ĝùúûüŭŝ˙"},
    {110, 'D', true, true, NULL,
     u"\u00A0ĄĸŖ¤ĨĻ§¨ŠĒĢŦ\u00ADŽ¯°ą˛ŗ´ĩļˇ¸šēģŧŊžŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎĪ"
     u"ĐŅŌĶÔÕÖ×ØŲÚÛÜŨŪßāáâãäåæįčéęëėíîīđņōķôõö÷øųúûüũū˙"},
    {144, 'L', true, true, NULL,
     u"\u00A0ЁЂЃЄЅІЇЈЉЊЋЌ\u00ADЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
     u"абвгдежзийклмнопрстуфхцчшщъыьэюя№ёђѓєѕіїјљњћќ§ўџ"},
    {127, 'G', true, true, NULL,
     u"\u00A0   ¤       ،\u00AD             \u061B   \u061F \u0621\u0622\u0623\u0624\u0625\u0626\u0627\u0628"
     u"\u0629\u062A\u062B\u062C\u062D\u062E\u062F\u0630\u0631\u0632\u0633\u0634\u0635\u0636\u0637\u0638\u0639"
     u"\u063A     \u0640\u0641\u0642\u0643\u0644\u0645\u0646\u0647\u0648\u0649\u064A\u064B\u064C\u064D\u064E"
     u"\u064F\u0650\u0651\u0652             "},
    {126, 'F', true, true, NULL,
     u"\u00A0‘’£  ¦§¨© «¬\u00AD ―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟ"
     u"ΠΡ ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ "},
    {138, 'H', true, true, NULL,
     u"\u00A0 ¢£¤¥¦§¨©×«¬\u00AD®¯°±²³´µ¶·¸¹÷»¼½¾                 "
     u"               ‗\u05D0\u05D1\u05D2\u05D3\u05D4\u05D5\u05D6\u05D7\u05D8\u05D9\u05DA\u05DB\u05DC\u05DD"
     u"\u05DE\u05DF\u05E0\u05E1\u05E2\u05E3\u05E4\u05E5\u05E6\u05E7\u05E8\u05E9\u05EA  \u200E\u200F "},
    {148, 'M', true, true, NULL,
     u"\u00A0¡¢£¤¥¦§¨©ª«¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ"
     u"ĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ"},
    {157, 'V', true, true, NULL,
     u"\u00A0ĄĒĢĪĨĶ§ĻĐŠŦŽ\u00ADŪŊ°ąēģīĩķ·ļđšŧž―ūŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎÏ"
     u"ÐŅŌÓÔÕÖŨØŲÚÛÜÝÞßāáâãäåæįčéęëėíîïðņōóôõöũøųúûüýþĸ"},
    {166, 'T', true, true, NULL,
     u"\u00A0กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯ"
     u"ะ\u0E31าำ\u0E34\u0E35\u0E36\u0E37\u0E38\u0E39\u0E3A    ฿เแโใไๅๆ\u0E47\u0E48\u0E49\u0E4A\u0E4B\u0E4C\u0E4D"
     u"\u0E4E๏๐๑๒๓๔๕๖๗๘๙๚๛    "},
    {179, 'Y', true, true, NULL,
     u"\u00A0”¢£¤„¦§Ø©Ŗ«¬\u00AD®Æ°±²³“µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻ"
     u"ŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž’"},
    {199, '_', true, true, NULL,
     u"\u00A0Ḃḃ£ĊċḊ§Ẁ©ẂḋỲ\u00AD®ŸḞḟĠġṀṁ¶ṖẁṗẃṠỳẄẅṡÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ"
     u"ŴÑÒÓÔÕÖṪØÙÚÛÜÝŶßàáâãäåæçèéêëìíîïŵñòóôõöṫøùúûüýŷÿ"},
    {203, 'b', true, true, NULL,
     u"\u00A0¡¢£€¥Š§š©ª«¬\u00AD®¯°±²³Žµ¶·ž¹º»ŒœŸ¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ"
     u"ÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"},
    {226, 'f', true, true, NULL,
     u"\u00A0ĄąŁ€„Š§š©Ș«Ź\u00ADźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏ"
     u"ĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêëìíîïđńòóôőöśűùúûüęțÿ"},
    {156, 'R', true, true, NULL,
     u"\u00A0¡¢£ ¥ §¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿                "
     u"—¹®©™♪¬¦    ⅛⅜⅝⅞ΩÆÐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ\u00AD"},
    {42, '@', false, true, "EUC-JP", NULL},
    {58, 'A', false, true, "EUC-CN", NULL},
    {87, 'B', false, true, "EUC-JP", NULL},
    {149, 'C', false, true, "EUC-KR", NULL},
    // clang-format on
};
enum { N_SETS = sizeof sets / sizeof *sets };

const struct charset_set *charset_set_find(unsigned registration) {
    for (size_t i = 0; i < N_SETS; i++)
        if (sets[i].registration == registration)
            return &sets[i];
    return NULL;
}

const struct charset_set *charset_set_designated(char final, bool is96, bool wide) {
    for (size_t i = 0; i < N_SETS; i++)
        if (sets[i].final == final && sets[i].is96 == is96 && (sets[i].wide != NULL) == wide)
            return &sets[i];
    return NULL;
}

uint32_t charset_set_character(const struct charset_set *s, uint8_t low) {
    if (!s->is96 && (low == 0x20 || low == 0x7F))
        return NONE;
    if (s->right)
        return s->text[low - 0x20] == MISSING ? NONE : s->text[low - 0x20];
    for (const char16_t *pair = s->text; pair[0] != 0; pair += 2)
        if (pair[0] == low)
            return pair[1];
    return low;
}

uint8_t charset_set_octet(const struct charset_set *s, uint32_t c) {
    for (uint8_t i = 0; i < 96 && c != MISSING && s->right && s->text[i] != 0; i++)
        if (s->text[i] == c)
            return (uint8_t)(0xA0 + i);
    return 0;
}

// ---- accents ----

// By the low half of their octet.
static const struct {
    const char *letters;
    const char16_t *accented;
} accents[16] = {
    [0x1] = {"AEIOUaeiou", u"ÀÈÌÒÙàèìòù"},                               // grave
    [0x2] = {" ACEILNORSUYZaceilnorsuyz", u"´ÁĆÉÍĹŃÓŔŚÚÝŹáćéíĺńóŕśúýź"}, // acute
    [0x3] = {"ACEGHIJOSUWYaceghijosuwy", u"ÂĈÊĜĤÎĴÔŜÛŴŶâĉêĝĥîĵôŝûŵŷ"},   // circumflex
    [0x4] = {"AINOUainou", u"ÃĨÑÕŨãĩñõũ"},                               // tilde
    [0x5] = {" AEIOUaeiou", u"¯ĀĒĪŌŪāēīōū"},                             // macron
    [0x6] = {" AGUagu", u"˘ĂĞŬăğŭ"},                                     // breve
    [0x7] = {" CEGIZcegz", u"˙ĊĖĠİŻċėġż"},                               // dot above
    [0x8] = {" AEIOUYaeiouy", u"¨ÄËÏÖÜŸäëïöüÿ"},                         // diaeresis
    [0xA] = {" AUau", u"˚ÅŮåů"},                                         // ring
    [0xB] = {" CGKLNRSTcgklnrst", u"¸ÇĢĶĻŅŖŞŢçģķļņŗşţ"},                 // cedilla
    [0xD] = {" OUou", u"˝ŐŰőű"},                                         // double acute
    [0xE] = {" AEIUaeiu", u"˛ĄĘĮŲąęįų"},                                 // ogonek
    [0xF] = {" CDELNRSTZcdelnrstz", u"ˇČĎĚĽŇŘŠŤŽčďěľňřšťž"},             // caron
};

bool charset_is_accent(const struct charset_set *s, uint8_t octet) {
    return (s->registration == 103 || s->registration == 156) && (octet & 0x7F) >= 0x41 && (octet & 0x7F) <= 0x4F;
}

uint32_t charset_accented(uint8_t accent, uint8_t letter) {
    const char *letters = accents[accent & 0x0F].letters;
    const char *at = letters == NULL || letter == 0 ? NULL : strchr(letters, letter);
    return at == NULL ? NONE : accents[accent & 0x0F].accented[at - letters];
}

bool charset_accent_of(uint32_t c, uint8_t *accent, uint8_t *letter) {
    for (uint8_t i = 0; i < 16; i++)
        for (size_t k = 0; accents[i].letters != NULL && accents[i].letters[k] != 0; k++)
            if (accents[i].accented[k] == c) {
                *accent = 0xC0 | i;
                *letter = (uint8_t)accents[i].letters[k];
                return true;
            }
    return false;
}
