"""English: what is on a screen, and how somebody is told to use it.

Pieces of patterns, in which a space stands for white space (`compile_words`).
All quantifiers over free text are bounded, so that the work stays linear.
"""

from __future__ import annotations

from nemovideo._language.gui.sentences import LINK, QUOTATION, QUOTED

CJK = "[\u4e00-\u9fff]"
CAPITAL = "(?-i:[A-Z])"
UI_NAME = (
    r"(?:export|download|play|preview|save|undo|redo|apply|ok|okay|done|share|delete|split|render"
    r"|generate|next|continue|confirm|upload|settings|add|replace|edit|import|publish|cut|trim)\b"
)

# What is on a screen.

CONTROL = (
    r"(?:buttons?|panels?|dots|gear|menus?|tabs?|toolbars?|sidebars?|side bar|drop-?downs?|sliders?"
    r"|check ?box(?:es)?|dialog(?:ue)?s?|inspector|playhead|icons?|workspace|toggle|handles?"
    r"|shortcuts?|ctrl|cmd|keyboard|properties|media (?:library|pool|bin)|asset library"
    r"|(?:preview|player|export|settings|program|project) (?:window|area|pane|screen|monitor|page)"
    r"|export (?:settings|options?)|editor|(?:account|billing|settings|profile|credits) page)"
)
PLACE = (
    r"(?:timeline|library|settings|preferences|preview|player|account|billing|dashboard|scrubber"
    r"|canvas|(?:export|effects?|audio|text|media|music) (?:section|area|view|screen)|(?:top|upper"
    r"|bottom|lower)[- ](?:right|left)|left side|right side|app|browser)"
)
VIEWER = (
    r"(?:timeline|(?:preview|player|program|viewer) ?(?:window|area|pane|panel|screen|monitor)?"
    r"|panels?|library|editor|media pool|workspace|dashboard|inspector)"
)
PANEL = (
    r"(?:panels?|tabs?|menus?|sidebar|side bar|settings|preferences|timeline|editor|library"
    r"|inspector|drawer|dialog(?:ue)?|workspace|dashboard|toolbar|properties|drop-?down|browser"
    r"|app|project|preview|player|export|account|billing|media pool|media bin"
    r"|(?:settings|profile|credits|project|effects?|text|audio|media) (?:page|window|section))"
)
PANEL_NAME = (
    r"(?-i:Media|Effects|Text|Audio|Music|Settings|Properties|Export|Account|Billing|Library|File"
    r"|Edit|Templates|Stickers|Transitions|Filters|Captions|Assets|Elements|Adjust\w*|Project)\b"
)
NAMED = (
    rf"(?:(?:export|download|preview|play|undo|redo|save|share|media|text|audio|effects?|music"
    rf"|properties|timeline|inspector|settings?|render|generate|account|billing|file|edit|volume"
    rf"|brightness|opacity|{QUOTATION}+[\"'”’」』》】`\]]?) (?:and \w+ )?(?:buttons?|panels?|menus?"
    rf"|tabs?|icons?"
    r"|options?|sliders?|sidebar|toolbar|controls?|dialog|window|settings))"
)
THINGS = (
    r"(?:clips?|files?|footage|media|elements?|videos?|images?|photos?|segments?|titles?|tracks?"
    r"|text|handles?|edges?)"
)
ACCOUNT = (
    r"(?:accounts?|billing|subscription|(?:your|remaining|current) credits?"
    r"|credits? (?:balance|page|usage)|(?:your|account|credit|remaining|current) balance|your plan)"
)
DEVICE = (
    r"(?:computer|device|disk|desktop|phone|gallery|downloads(?: folder)?|hard drive|laptop|mac|pc)"
)
NEAR = r"[^,;!?，；。！？]{0,80}?"

# How somebody is told to do something.

LEAD = (
    rf"(?:(?:and|or|but|so|then|also|plus|now|next|first|firstly|second|third|finally|lastly|last"
    r"|afterwards?|after that|alternatively|otherwise|please|kindly|just|simply|again|instead"
    r"|optionally|from there|from here|at any ?time|if needed|okay|ok|great|feel free|go ahead"
    r"|or else|to start|to begin|to finish|to do so|to do that|in the end|when ready|once ready)\b"
    r"(?=\s|[,:])|step \d{1,2}(?= ?[:.,)]? )|\d{1,2}(?=[.)] )"
    rf"|(?![\"'“‘「『《【（(]|{LINK}|{QUOTED})[^\w\s]|\s)"
    r"{0,20}"  # one way to read it: each sign and each space is a step of its own
)
MODAL = (
    r"(?:(?:you|users|people|anyone)(?:'ll|'d|'re)?"
    r"(?: (?:can|could|may|might|should|must|need|have|want|wish|like|will|would|be|are|able|ready"
    r"|free|welcome|to|now|also|then|always|easily|simply|just|even|either|still|first|only|please"
    r"|directly|later|next|quickly|already|all|set|go ahead and|feel free to|try to)\b){0,7} "
    r"|(?:feel free|go ahead and|don't forget|do not forget|remember|be sure|try|proceed"
    r"|make sure|make sure that you|make sure you|all you (?:need|have) to do(?: now)? is"
    r"|take (?:a|your) (?:moment|minute|second|time)|all that's left is|all that is left is"
    r"|it's time|let's|(?:can|could|would|will) you(?: please)?"
    r"|(?:the|your) (?:next|last|only|final) (?:step|thing) is|the (?:easiest|best) way is"
    r"|(?:i'd|i would|i|we|we'd)(?: strongly)? (?:recommend|suggest|advise)(?: that)?(?: you)?"
    r"|it's (?:possible|easy|best)|it is (?:possible|easy|best)|simply|just|please) "
    r"(?:to )?(?:(?:now|then|also|first|simply|just) ){0,2})"
)
CLICK = (
    r"(?:(?:left|right|double|single)[- ]?)?click(?:ing)?"
    r"(?: and (?:drag|hold)\b| (?:on|once|twice|the|an?|this|that|these|those|your|its|it|any|each"
    r"|every|either|one|here|below|to|anywhere|there|outside|inside|through|around|away|icons?"
    r"|buttons?|for|when|if)\b"
    rf"| {CAPITAL}| {QUOTATION}| ?{CJK}| {UI_NAME})"
    rf"|(?:tap|press|hit)(?:ping|ing|ting)? (?:on )?(?:the |your |this )?"
    rf"(?:{CAPITAL}(?!onference)|{QUOTATION}|{UI_NAME}|{CJK}"
    r"|(?:space|space ?bar|enter|return|esc|escape|delete|backspace|ctrl|cmd|command|clip)\b"
    rf"|(?={NEAR}\b{CONTROL}\b))"
)
DRAG = (
    r"(?:click(?:ing)? and )?drag(?:ging)?(?:(?: ?(?:and|&|-|n|/)[- ]?|-and-| )drop(?:ping)?)?"
    r" (?:the|an?|this|that|these|those|your|its|it|them|any|each|all|some|more|in|into|onto|to|on"
    rf"|from|left|right|up|down|either|both|new|one|something|anything|everything|another|whichever"
    rf"|{THINGS}|{QUOTATION})\b(?! race)"
    rf"|drag(?:ging)?(?:[- ]and[- ]drop) {CAPITAL}"
    rf"|drop(?:ping)? (?={NEAR}\b(?:into|onto|on|in|to) (?:the|your) (?:\w+ )?(?:{CONTROL}|{PLACE}"
    rf"|tracks?)\b)"
)
OPEN = (
    rf"open(?:ing)?(?: up)? (?:(?:the|your|this|its|an?) (?={NEAR}\b{PANEL}\b)(?!\w+ (?:scene|shot"
    rf"|clip|title)s?\b)"
    rf"|(?:the )?{PANEL_NAME}(?= (?:to|and|from|on|in|at|for|panel|tab|menu)\b|[ ]?[^\w\s]|$)"
    rf"|{QUOTATION}|(?={CAPITAL}\w* {PANEL}\b)|(?:settings|preferences)\b)"
)
PREVIEW = (
    r"preview(?:ing)? (?:it|them|the|your|this|that|how|what|everything|all|any|each|changes|in the"
    rf"|here|now|before|and|first|results?|edits|{QUOTATION})\b"
)
WATCH = (
    r"(?:play|watch|see|view|check|review|scrub|look|take a (?:quick )?look|have a look"
    r"|find)(?:ing)?"
    rf"(?: out| back)?\b(?={NEAR}\b(?:in|on|at|from|through|using|check(?:ing)? out|review|the"
    rf"|your)"
    rf" (?:the |your |our )?(?:\w+ )?{VIEWER}\b)"
)
EXPORT = (
    r"(?:export|download|render|save)(?:ing)? (?:it|them|the|your|this|that)\b"
    r"(?! (?:text|word|words|title|scene)\b)"
    r"|(?:export|download)(?:ing)? (?:now|when|whenever|once|as|to|directly|from|using|via|here"
    rf"|everything|any ?time|at|in|{QUOTATION})"
)
SAVE = rf"save(?={NEAR}\b(?:to|on|onto) (?:your|the) {DEVICE}\b)"
CHECK = (
    r"(?:check|visit|open|see|view|review|access|go|log|sign|head|manage|verify|look|navigate"
    r"|double[- ]check|refer|consult|update|confirm|head over|top up"
    r"|recharge)(?:ing)?(?: in)?(?: out)?"
    rf"(?: over)?(?:to| to| into| at| on)?\b(?={NEAR}\b{ACCOUNT}\b)"
)
GO = (
    r"(?:go|head|navigate|switch|scroll|hover|move|select|choose|pick|use|find|locate|access|visit"
    r"|toggle|return|expand|zoom|pull up|bring up|jump|browse|explore|right[- ]click|enable|turn on"
    r"|look(?: for| in| at| under)|note|drop|slide|pull|grab|highlight|close|hide|show|launch|view"
    r"|get)(?:ing)?\b"
)
ADJUST = (
    r"(?:adjust|change|edit|fine-tune|tweak|resize|reorder|rearrange|trim|cut|split|add|set|place"
    r"|modify|customi[sz]e|control|rename|replace|import|upload|insert|crop|rotate|reposition|redo"
    r"|undo|update|manage|make|delete|remove|apply|refine|polish|export|download|share|save)(?:ing"
    r"|ed|d)?\b"
)
CHOICE = r"(?:select|choose|pick|wait|enter|type|set|confirm|name|locate)\b"

TOLD = (  # an imperative that needs no "you can"
    rf"(?:{CLICK}|{DRAG}|{OPEN}|{PREVIEW}|{EXPORT}|{SAVE}|{CHECK}|{WATCH}"
    rf"|{GO}(?={NEAR}(?<!\w)(?:{CONTROL}|{NAMED}|{PANEL_NAME} panel)\b)"
    rf"|{GO}(?={NEAR} (?:>|→|->|›) \w)"
    r"|(?:adjust|change|tweak|fine-tune|move|use|control|play with|set)(?:ing)? (?:the |any |its "
    r"|your )?(?:\w+ ){0,2}?(?:sliders?|playhead|handles?|toggle)\b"
    rf"|{ADJUST}(?={NEAR}\bby (?:simply |just )?(?:\w+-)?(?:click|drag|tap|dropp)(?:[pg]?ing)\b)"
    r"|(?:export|download)(?=$)|preview(?=,? (?:and )?then export\b)"
    r"|(?:refresh|reload) (?:the|this|your) (?:page|browser|window|tab|editor)"
    rf"|(?:go|head|navigate|switch|scroll|return|jump|hover)(?:ing)? (?:to|over|back|down|up"
    rf"|into)\b"
    rf"(?={NEAR}\b{PLACE}\b)"
    rf"|{ADJUST}(?={NEAR}\b(?:using|with|in|via|from|through|on|drag(?:ging)?) (?:the "
    rf"|your )?(?:\w+ ){{0,2}}?{CONTROL}\b))"
)
OFFERED = (  # after "you can"
    rf"(?:{TOLD}|(?:export|download|preview)\b(?! (?:as many|in what))"
    rf"|(?:{GO}|{ADJUST})(?={NEAR}\b(?:{CONTROL}|{NAMED}|timeline|(?:by|with) (?:\w+[- ])?(?:click"
    rf"|drag|tap)(?:[pg]?ing))\b)"
    rf"|\w+(?={NEAR}\bby (?:simply |just )?(?:\w+-)?(?:click|press|tapp|dragg|hitt|dropp)ing\b)"
    rf"|(?:see|find|notice|spot) (?:an?|the) (?:\w+ ){{0,2}}?{NAMED}\b"
    rf"|(?:{GO})(?={NEAR}\b(?:preview|player|library|editor|settings|account|billing)\b)"
    rf"|render (?:it|the video|your video)\b)"
)
SCREEN_SUBJECT = (
    rf"(?:the|an?|your|this|our|its) (?:\w+ ){{0,2}}?{NAMED} (?:(?:is|are)(?: now| also| always"
    rf"| right)?"
    r" (?:in|at|on|located|available|visible|found|near|under|to the|right|up|there|enabled|where"
    r"|below)"
    r"|lets?\b|allows?\b|can (?:help|be)|gives?\b|contains?\b|shows?\b|at the (?:top|bottom|right"
    r"|left|upper)"
    r"|(?:in|on) the (?:top|upper|right|left|bottom|toolbar|editor|menu)|will (?:let|allow|show"
    r"|start|open"
    r"|download|give|export|take|begin)|(?:starts|opens|downloads|exports|saves|takes)\b)"
    rf"|(?:double-|right-)?clicking (?:on )?(?:the {NEAR}\b{CONTROL}\b|{CAPITAL}|{QUOTATION}"
    rf"|{UI_NAME})"
)
PASSIVE = (
    r"(?:it|this|that|they|the|your|everything|all|these|each|which|and|clips?"
    r"|files?)\b[^,;!?，。]{0,60}?\b"
    r"can(?: now| also| then| easily| always| simply){0,2} be"
    r" (?:exported|downloaded|dragged|(?:previewed|accessed|opened|found|adjusted|edited|changed"
    r"|viewed"
    r"|fine-tuned|moved|resized|trimmed|customi[sz]ed|played|reviewed|undone|saved|watched"
    r"|repositioned)"
    rf"(?={NEAR}\b(?:{CONTROL}|{VIEWER}|click(?:ing)?|drag(?:ging)?)\b))"
)
TAIL = (
    rf"(?:(?:which|that|where|and|so|so that) {MODAL}{OFFERED}"
    rf"|(?:simply |just )?(?:by|via|through|from|after) (?:simply |just )?(?:{CLICK}"
    rf"|(?=\w+ing\b)(?:{DRAG}|{OPEN}|{GO}(?={NEAR}\b{CONTROL}\b)"
    rf"|{ADJUST}(?={NEAR}\b{CONTROL}\b)))"
    rf"|(?:by|via|through|using|with|from|under) (?:the|your|an?) (?:\w+ )?{NAMED}\b"
    r"|(?:to|for|and) (?:be )?(?:preview|view|watch|see|review|check|play)(?:ed|ing)?(?: it| them"
    r"| the \w+| back)?"
    rf" (?:in|on) (?:the|your) {VIEWER}\b|in the (?:timeline preview|preview panel"
    rf"|preview window)\b)"
)
OPENING = (
    r"(?:when|once|if|to|after|before|for|whenever|as soon as|in order to|should you|until|while"
    r"|from the|in the|on the|at the|under the|inside the|using the|with the|next to|near the"
    r"|for best results|ready|tip|pro tip|quick tip|note|hint|reminder|important|next steps?"
    r"|(?:a )?(?:quick |gentle |friendly )?(?:heads[- ]up|reminder|tip)|next up|what's next|how to"
    r"|here's how|follow these steps|how|steps|instructions|there)\b"
    r"|now that\b"
    rf"|{CHOICE}"
    r"|(?:export|download|preview|edit|save|undo|share|adjust|move|account|billing|action"
    r"|tools?)(?:ing)?(?: \w+){0,2} ?[:：]"
)
TALK = (
    r"(?:i\b|i've|i'm|i'll|we\b|we've|let me|let us know|tell me|ask me|give me|send me|reply\b"
    r"|say\b"
    r"|just (?:tell|let|ask|say|send|give|reply)|you can (?:just |also |always )?(?:tell|ask|let"
    r"|send) me"
    r"|feel free to (?:tell|ask|let|send|share|reach)|would you|do you|shall i|should i"
    r"|don't hesitate)"
)
