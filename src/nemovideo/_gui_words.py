"""The words by which a backend that believes in a screen talks about its buttons (protocol.md §9).

Every pattern looks at one clause of a masked sentence (see `_gui_sentences`),
and most are anchored where a clause begins: what decides is whether somebody is
*told to do* something on a screen, not whether a word such as "click" occurs.
All quantifiers over free text are bounded, so that the work stays linear.
"""

from __future__ import annotations

import enum
import re

from nemovideo._gui_sentences import LINK, QUOTED


class GuiAction(enum.Enum):
    """What the program does in place of the person who was told to use the screen."""

    EXPORT = "export"
    SHOW_STATE = "show_state"
    EDIT = "edit"
    SUMMARY = "summary"
    CREDITS = "credits"
    CALL_API = "call_api"


class Kind(enum.Enum):
    """What a clause is, by its beginning."""

    INSTRUCTION = "instruction"
    TAIL = "tail"
    """A phrase that hangs on the clause before it: "by clicking Export"."""
    OPENING = "opening"
    """Goes with the clause that follows it: "When you are ready, …", "Choose MP4, …"."""
    TALK = "talk"
    """The agent speaks of itself or to the person: "I also …", "let me know …"."""
    OTHER = "other"


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which a space stands for a few white space characters."""
    spaced = pattern.replace(" ?", r"\s{0,4}").replace("[- ]", r"[-\s]").replace(" ", r"\s{1,4}")
    return re.compile(spaced, re.IGNORECASE)


_Q = rf"[\"'“‘「『《【`\[]?{QUOTED}"
_CJK = "[\u4e00-\u9fff]"
_CAPITAL = "(?-i:[A-Z])"
_UI_NAME = (
    r"(?:export|download|play|preview|save|undo|redo|apply|ok|okay|done|share|delete|split|render"
    r"|generate|next|continue|confirm|upload|settings|add|replace|edit|import|publish|cut|trim)\b"
)

# --- English: what is on a screen -----------------------------------------------------------

_CONTROL = (
    r"(?:buttons?|panels?|menus?|tabs?|toolbars?|sidebars?|side bar|drop-?downs?|sliders?"
    r"|check ?box(?:es)?|dialog(?:ue)?s?|inspector|playhead|icons?|workspace|toggle|handles?"
    r"|shortcuts?|ctrl|cmd|keyboard|properties|media (?:library|pool|bin)|asset library"
    r"|(?:preview|player|export|settings|program|project) (?:window|area|pane|screen|monitor|page)"
    r"|export (?:settings|options?)|editor|(?:account|billing|settings|profile|credits) page)"
)
_PLACE = (
    r"(?:timeline|library|settings|preferences|preview|player|account|billing|dashboard|scrubber"
    r"|canvas|(?:export|effects?|audio|text|media|music) (?:section|area|view|screen)|(?:top|upper|bottom|lower)[- ](?:right|left)|left side|right side|app|browser)"
)
_VIEWER = (
    r"(?:timeline|(?:preview|player|program|viewer) ?(?:window|area|pane|panel|screen|monitor)?"
    r"|panels?|library|editor|media pool|workspace|dashboard|inspector)"
)
_PANEL = (
    r"(?:panels?|tabs?|menus?|sidebar|side bar|settings|preferences|timeline|editor|library"
    r"|inspector|drawer|dialog(?:ue)?|workspace|dashboard|toolbar|properties|drop-?down|browser"
    r"|app|project|preview|player|export|account|billing|media pool|media bin"
    r"|(?:settings|profile|credits|project|effects?|text|audio|media) (?:page|window|section))"
)
_PANEL_NAME = (
    r"(?-i:Media|Effects|Text|Audio|Music|Settings|Properties|Export|Account|Billing|Library|File"
    r"|Edit|Templates|Stickers|Transitions|Filters|Captions|Assets|Elements|Adjust\w*|Project)\b"
)
_NAMED = (
    rf"(?:(?:export|download|preview|play|undo|redo|save|share|media|text|audio|effects?|music"
    rf"|properties|timeline|inspector|settings?|render|generate|account|billing|file|edit|volume"
    rf"|brightness|opacity|{_Q}+[\"'”’」』》】`\]]?) (?:and \w+ )?(?:buttons?|panels?|menus?|tabs?|icons?"
    r"|options?|sliders?|sidebar|toolbar|controls?|dialog|window|settings))"
)
_THINGS = (
    r"(?:clips?|files?|footage|media|elements?|videos?|images?|photos?|segments?|titles?|tracks?"
    r"|text|handles?|edges?)"
)
_ACCOUNT = (
    r"(?:accounts?|billing|subscription|(?:your|remaining|current) credits?"
    r"|credits? (?:balance|page|usage)|(?:your|account|credit|remaining|current) balance|your plan)"
)
_DEVICE = (
    r"(?:computer|device|disk|desktop|phone|gallery|downloads(?: folder)?|hard drive|laptop|mac|pc)"
)
_NEAR = r"[^,;!?，；。！？]{0,80}?"

# --- English: how somebody is told to do something ------------------------------------------

_LEAD = (
    rf"(?:(?:and|or|but|so|then|also|plus|now|next|first|firstly|second|third|finally|lastly|last"
    r"|afterwards?|after that|alternatively|otherwise|please|kindly|just|simply|again|instead"
    r"|optionally|from there|from here|at any ?time|if needed|okay|ok|great|feel free|go ahead"
    r"|or else|to start|to begin|to finish|to do so|to do that|in the end|when ready|once ready)\b"
    rf"(?: ?[,:] ?| )|step \d{{1,2}} ?[:.,)]? |\d{{1,2}}[.)] "
    rf"|(?![\"'“‘「『《【（(]|{LINK}|{QUOTED})[^\w\s]|\s)"
    r"{0,12}"
)
_MODAL = (
    r"(?:(?:you|users|people|anyone)(?:'ll|'d|'re)?"
    r"(?: (?:can|could|may|might|should|must|need|have|want|wish|like|will|would|be|are|able|ready"
    r"|free|welcome|to|now|also|then|always|easily|simply|just|even|either|still|first|only|please"
    r"|directly|later|next|quickly|already|all|set|go ahead and|feel free to|try to)\b){0,7} "
    r"|(?:feel free|go ahead and|don't forget|do not forget|remember|be sure|try|proceed"
    r"|make sure|make sure that you|make sure you|all you (?:need|have) to do(?: now)? is"
    r"|take (?:a|your) (?:moment|minute|second|time)|all that's left is|all that is left is|it's time|let's|(?:can|could|would|will) you(?: please)?"
    r"|(?:the|your) (?:next|last|only|final) (?:step|thing) is|the (?:easiest|best) way is"
    r"|(?:i'd|i would|i|we|we'd)(?: strongly)? (?:recommend|suggest|advise)(?: that)?(?: you)?"
    r"|it's (?:possible|easy|best)|it is (?:possible|easy|best)|simply|just|please) "
    r"(?:to )?(?:(?:now|then|also|first|simply|just) ){0,2})"
)
_CLICK = (
    r"(?:(?:left|right|double|single)[- ]?)?click(?:ing)?"
    r"(?: and (?:drag|hold)\b| (?:on|once|twice|the|an?|this|that|these|those|your|its|it|any|each"
    r"|every|either|one|here|below|to|anywhere|there|outside|inside|through|around|away|icons?|buttons?|for|when|if)\b"
    rf"| {_CAPITAL}| {_Q}| ?{_CJK}| {_UI_NAME})"
    rf"|(?:tap|press|hit)(?:ping|ing|ting)? (?:on )?(?:the |your |this )?"
    rf"(?:{_CAPITAL}(?!onference)|{_Q}|{_UI_NAME}|{_CJK}"
    r"|(?:space|space ?bar|enter|return|esc|escape|delete|backspace|ctrl|cmd|command|clip)\b"
    rf"|(?={_NEAR}\b{_CONTROL}\b))"
)
_DRAG = (
    r"(?:click(?:ing)? and )?drag(?:ging)?(?:(?: ?(?:and|&|-|n|/)[- ]?|-and-| )drop(?:ping)?)?"
    r" (?:the|an?|this|that|these|those|your|its|it|them|any|each|all|some|more|in|into|onto|to|on"
    rf"|from|left|right|up|down|either|both|new|one|something|anything|everything|another|whichever|{_THINGS}|{_Q})\b(?! race)"
    rf"|drag(?:ging)?(?:[- ]and[- ]drop) {_CAPITAL}"
    rf"|drop(?:ping)? (?={_NEAR}\b(?:into|onto|on|in|to) (?:the|your) (?:\w+ )?(?:{_CONTROL}|{_PLACE}|tracks?)\b)"
)
_OPEN = (
    rf"open(?:ing)?(?: up)? (?:(?:the|your|this|its|an?) (?={_NEAR}\b{_PANEL}\b)(?!\w+ (?:scene|shot|clip|title)s?\b)"
    rf"|(?:the )?{_PANEL_NAME}(?= (?:to|and|from|on|in|at|for|panel|tab|menu)\b|[ ]?[^\w\s]|$)"
    rf"|{_Q}|(?={_CAPITAL}\w* {_PANEL}\b)|(?:settings|preferences)\b)"
)
_PREVIEW = (
    r"preview(?:ing)? (?:it|them|the|your|this|that|how|what|everything|all|any|each|changes|in the"
    rf"|here|now|before|and|first|results?|edits|{_Q})\b"
)
_WATCH = (
    r"(?:play|watch|see|view|check|review|scrub|look|take a (?:quick )?look|have a look|find)(?:ing)?"
    rf"(?: out| back)?\b(?={_NEAR}\b(?:in|on|at|from|through|using|check(?:ing)? out|review|the|your)"
    rf" (?:the |your |our )?(?:\w+ )?{_VIEWER}\b)"
)
_EXPORT = (
    r"(?:export|download|render|save)(?:ing)? (?:it|them|the|your|this|that)\b"
    r"(?! (?:text|word|words|title|scene)\b)"
    r"|(?:export|download)(?:ing)? (?:now|when|whenever|once|as|to|directly|from|using|via|here"
    rf"|everything|any ?time|at|in|{_Q})"
)
_SAVE = rf"save(?={_NEAR}\b(?:to|on|onto) (?:your|the) {_DEVICE}\b)"
_CHECK = (
    r"(?:check|visit|open|see|view|review|access|go|log|sign|head|manage|verify|look|navigate"
    r"|double[- ]check|refer|consult|update|confirm|head over|top up|recharge)(?:ing)?(?: in)?(?: out)?"
    rf"(?: over)?(?:to| to| into| at| on)?\b(?={_NEAR}\b{_ACCOUNT}\b)"
)
_GO = (
    r"(?:go|head|navigate|switch|scroll|hover|move|select|choose|pick|use|find|locate|access|visit"
    r"|toggle|return|expand|zoom|pull up|bring up|jump|browse|explore|right[- ]click|enable|turn on"
    r"|look(?: for| in| at| under)|note|drop|slide|pull|grab|highlight|close|hide|show|launch|view|get)(?:ing)?\b"
)
_ADJUST = (
    r"(?:adjust|change|edit|fine-tune|tweak|resize|reorder|rearrange|trim|cut|split|add|set|place"
    r"|modify|customi[sz]e|control|rename|replace|import|upload|insert|crop|rotate|reposition|redo"
    r"|undo|update|manage|make|delete|remove|apply|refine|polish|export|download|share|save)(?:ing|ed|d)?\b"
)
_CHOICE = r"(?:select|choose|pick|wait|enter|type|set|confirm|name|locate)\b"

_TOLD = (  # an imperative that needs no "you can"
    rf"(?:{_CLICK}|{_DRAG}|{_OPEN}|{_PREVIEW}|{_EXPORT}|{_SAVE}|{_CHECK}|{_WATCH}"
    rf"|{_GO}(?={_NEAR}(?<!\w)(?:{_CONTROL}|{_NAMED}|{_PANEL_NAME} panel)\b)"
    rf"|{_GO}(?={_NEAR} (?:>|→|->|›) \w)"
    r"|(?:adjust|change|tweak|fine-tune|move|use|control|play with|set)(?:ing)? (?:the |any |its |your )?(?:\w+ ){0,2}?(?:sliders?|playhead|handles?|toggle)\b"
    rf"|{_ADJUST}(?={_NEAR}\bby (?:simply |just )?(?:\w+-)?(?:click|drag|tap|dropp)(?:[pg]?ing)\b)"
    r"|(?:export|download)(?=$)|preview(?=,? (?:and )?then export\b)"
    r"|(?:refresh|reload) (?:the|this|your) (?:page|browser|window|tab|editor)"
    rf"|(?:go|head|navigate|switch|scroll|return|jump|hover)(?:ing)? (?:to|over|back|down|up|into)\b"
    rf"(?={_NEAR}\b{_PLACE}\b)"
    rf"|{_ADJUST}(?={_NEAR}\b(?:using|with|in|via|from|through|on|drag(?:ging)?) (?:the |your )?(?:\w+ ){{0,2}}?{_CONTROL}\b))"
)
_OFFERED = (  # after "you can"
    rf"(?:{_TOLD}|(?:export|download|preview)\b(?! (?:as many|in what))"
    rf"|(?:{_GO}|{_ADJUST})(?={_NEAR}\b(?:{_CONTROL}|{_NAMED}|timeline|(?:by|with) (?:\w+[- ])?(?:click|drag|tap)(?:[pg]?ing))\b)"
    rf"|(?:see|find|notice|spot) (?:an?|the) (?:\w+ ){{0,2}}?{_NAMED}\b"
    rf"|(?:{_GO})(?={_NEAR}\b(?:preview|player|library|editor|settings|account|billing)\b)"
    rf"|render (?:it|the video|your video)\b)"
)
_SCREEN_SUBJECT = (
    rf"(?:the|an?|your|this|our|its) (?:\w+ ){{0,2}}?{_NAMED} (?:(?:is|are)(?: now| also| always| right)?"
    r" (?:in|at|on|located|available|visible|found|near|under|to the|right|up|there|enabled|where|below)"
    r"|lets?\b|allows?\b|can (?:help|be)|gives?\b|contains?\b|shows?\b|at the (?:top|bottom|right|left|upper)"
    r"|(?:in|on) the (?:top|upper|right|left|bottom|toolbar|editor|menu)|will (?:let|allow|show|start|open"
    r"|download|give|export|take|begin)|(?:starts|opens|downloads|exports|saves|takes)\b)"
    rf"|(?:double-|right-)?clicking (?:on )?(?:the {_NEAR}\b{_CONTROL}\b|{_CAPITAL}|{_Q}|{_UI_NAME})"
)
_PASSIVE = (
    r"(?:it|this|that|they|the|your|everything|all|these|each|which|and|clips?|files?)\b[^,;!?，。]{0,60}?\b"
    r"can(?: now| also| then| easily| always| simply){0,2} be"
    r" (?:exported|downloaded|dragged|(?:previewed|accessed|opened|found|adjusted|edited|changed|viewed"
    r"|fine-tuned|moved|resized|trimmed|customi[sz]ed|played|reviewed|undone|saved|watched|repositioned)"
    rf"(?={_NEAR}\b(?:{_CONTROL}|{_VIEWER}|click(?:ing)?|drag(?:ging)?)\b))"
)
_ENGLISH_TAIL = (
    rf"(?:(?:which|that|where|and|so|so that) {_MODAL}{_OFFERED}"
    rf"|(?:simply |just )?(?:by|via|through|from|after) (?:simply |just )?(?:{_CLICK}|(?=\w+ing\b)(?:{_DRAG}|{_OPEN}|{_GO}(?={_NEAR}\b{_CONTROL}\b)"
    rf"|{_ADJUST}(?={_NEAR}\b{_CONTROL}\b)))"
    rf"|(?:by|via|through|using|with|from|under) (?:the|your|an?) (?:\w+ )?{_NAMED}\b"
    r"|(?:to|for|and) (?:be )?(?:preview|view|watch|see|review|check|play)(?:ed|ing)?(?: it| them| the \w+| back)?"
    rf" (?:in|on) (?:the|your) {_VIEWER}\b|in the (?:timeline preview|preview panel|preview window)\b)"
)
_ENGLISH_OPENING = (
    r"(?:when|once|if|to|after|before|for|whenever|as soon as|in order to|should you|until|while"
    r"|from the|in the|on the|at the|under the|inside the|using the|with the|next to|near the"
    r"|for best results|ready|tip|pro tip|quick tip|note|hint|reminder|important|next steps?"
    r"|(?:a )?(?:quick |gentle |friendly )?(?:heads[- ]up|reminder|tip)|next up|what's next|how to|here's how|follow these steps|how|steps|instructions|there)\b"
    r"|now that\b"
    rf"|{_CHOICE}"
    r"|(?:export|download|preview|edit|save|undo|share|adjust|move|account|billing|action|tools?)(?:ing)?(?: \w+){0,2} ?[:：]"
)
_ENGLISH_TALK = (
    r"(?:i\b|i've|i'm|i'll|we\b|we've|let me|let us know|tell me|ask me|give me|send me|reply\b|say\b"
    r"|just (?:tell|let|ask|say|send|give|reply)|you can (?:just |also |always )?(?:tell|ask|let|send) me"
    r"|feel free to (?:tell|ask|let|send|share|reach)|would you|do you|shall i|should i|don't hesitate)"
)

# --- Chinese --------------------------------------------------------------------------------

_C_CONTROL = (
    r"(?:按钮|按键|面板|菜单|选项卡|标签页|工具栏|侧边栏|侧栏|下拉|图标|滑块|滑杆|弹窗|对话框|属性栏"
    r"|检查器|编辑器|素材库|媒体库|资源库|素材区|时间线|时间轴|播放头|设置|[左右][上下]角|[左右]侧(?:栏|边)?"
    r"|页面|界面|快捷键|预览区|预览窗|播放器|工作区|工作台|导航栏|选项|开关|控制台|窗口|右键)"
)
_C_PANEL = (
    r"(?:面板|菜单|选项卡|标签页?|工具栏|侧边栏|侧栏|弹窗|对话框|属性|检查器|编辑器|素材库|媒体库|资源库"
    r"|素材区|时间线|时间轴|设置|页面|界面|预览|播放器|工作区|工作台|窗口|选项|项目|草稿|列表|轨道|账户|账号"
    r"|帐户|账单|浏览器|库|导出|控制台)"
)
_C_NEAR = r"[^，,；;。！？!?]{0,40}?"
_C_THINGS = r"(?:把|将|用)[^，,；;。！？!?]{1,30}?"
_C_LEAD_WORD = (
    r"(?:请|您|你|可以|可|也|还|只需要?|只要|需要|就|便|能够?|现在|然后|接着|接下来|再|最后|首先|其次|先|直接|随时"
    r"|并且|并|而且|或者|或|同时|当|一旦|只要|向[内外上下左右前后]|往[内外上下左右前后]|欢迎|尽管|放心|自由|任意|随意|之后|随后|如需要?|记得|尝试|试试|建议|推荐|不妨|应该|不要忘记|别忘了|自己|自行|轻松"
    r"|手动|继续|使?用?鼠标|通过|快|立即|马上|所以|因此|但|不过|即可|来|去|帮忙|麻烦|到时候|届时|想要?|的话|后|以|且"
    r"|(?:导出|下载)(?:之?前|以前)|步骤 ?[\d一二三四五六七八九十]{1,2}|第[一二三四五六七八九十\d]{1,2}步|\d{1,2}[.)、]|[①-⑳]"
    rf"|[：:，,、\s]|(?![\"'“‘「『《【（(]|{LINK}|{QUOTED})[^\w\s])"
)
_C_WHERE = (
    r"(?:[在从到去][^，,；;。！？!?]{1,12}?(?:中|里|上|内|处|下方|下|角|侧|边|面|部|栏|库|区|线|轴|口|板|单)"
    r"|[^，,；;。！？!?我]{1,12}?(?:(?=请)|的话)|(?:如果|要是|若|如需?|想要?|需要|一旦|准备|满意|没问题|确认|觉得|嫌)[^，,；;。！？!?我]{1,12}?(?=点击|单击|双击|打开|就|可|导出|下载|把|将)|[^，,；;。！？!?的我]{1,10}?(?:之?后|以后)(?=再?请?(?:点击|单击|双击|导出|下载|预览|按|拖)))"
)
_C_LEAD = rf"{_C_LEAD_WORD}{{0,8}}(?:{_C_WHERE}{_C_LEAD_WORD}{{0,6}})?"
_C_NOT_CLICK = r"(?!音(?![频乐轨])|声|率|量|特效(?!选项|面板|标签|菜单|库)|动画(?!选项|面板|标签|菜单|库)|动作|效果(?!选项|面板|标签|菜单|库)|感|的(?!按钮|图标)|了|过|事件|次|数(?!字)|流(?!程)|付费|区|时(?!间)|键声)"
_C_NOT_OPEN = (
    r"(?!的|了|过|着|一[扇个盒本瓶封道]|门|窗户|礼|书|盒|方式|状态|动画(?!选项|面板|标签|菜单|库)|失败|成功|时(?!间))"
)
_C_NOT_DRAG = r"(?!感|的|了|过|着|演示|教程|功能|效果(?!选项|面板|标签|菜单|库)|动画(?!选项|面板|标签|菜单|库)|音(?![量频乐轨])|声|拉机|鞋|地)"
_C_NOT_EXPORT = (
    r"(?!音(?![量频乐轨])|声|图(?!标)|用|花|耗|大概|约|很|太|更|大约|不|没|好的|完|质量|分辨率|参数|上限|画质|[^，。点]{1,8}(?:是|较|偏)|仍|支持|免费|仅|可能|任务|过程|比|文件(?:大小|为|名|体积|时长)|功能|选项|版|的(?!按钮|图标|视频|成片)|已|正在|将|中|口|成功|完成|失败|格式|之?前|后|时(?!间)|设置"
    r"|速度|进度|贸易|量|链接[:：]|如下|区|片(?!段|头|尾)|过|需|会|[^，。]{0,6}(?:失败|成功|完成))"
)
_C_CLICK = rf"(?:(?:左键|右键|鼠标)?(?:点击|单击|双击|点按|轻点|点选|右击|长按|轻触|点(?![击心亮缀评赞])一?下?(?={_C_NEAR}(?:{_C_CONTROL}|{_Q}|导出|下载|播放|确[认定]))|按一?下?(?={_C_NEAR}(?:{_C_CONTROL}|{_Q}|键|空格|回车|播放|导出|下载|ctrl|cmd|⌘|shift))))"
_C_OPEN = rf"(?:打开|展开|进入|前往|移步|切换到|切换至|切到|转到|返回|回到|调出|唤出|启动)(?=[到]?{_C_NEAR}(?:{_C_PANEL}|{_Q}))"
_C_DRAG = rf"(?:长按[^，,；;。！？!?]{{0,8}}?拖动?|{_C_THINGS}拖(?!拉机|鞋|地)|拖拽|拖动|拖放|拖入|拖到|拖至|拖进|拖曳|拖移|拉动|滑动(?={_C_NEAR}滑))"
_C_PREVIEW = (
    rf"(?:预览|(?:观看|播放|查看|检查|看看?|浏览)(?={_C_NEAR}(?:时间线|时间轴|预览|播放器)))"
)
_C_EXPORT = r"(?:导出|下载|(?:把|将)[^，,；;。！？!?]{1,16}?(?:导出|下载|保存到(?:本地|电脑|手机|相册|桌面))|保存到(?:本地|电脑|手机|相册|桌面|您|你))"
_C_ACCOUNT = r"(?:账户|账号|帐户|帐号|账单|余额|订阅|会员|计费|积分)"
_C_CHECK = rf"(?:查看|检查|查询|登录|前往|进入|打开|核对|确认|到|去|查一?下|看一?下|管理)(?=您?你?的?{_C_NEAR}{_C_ACCOUNT})"
_C_GO = (
    r"(?:查看|放大|缩小|选择|选中|勾选|找到|使用|调整|调节|修改|编辑|切换|看到|输入|微调|设置|更改|移动|添加|删除|裁剪|分割"
    rf"|更换|替换|保存|上传|用|按|访问|关闭|通过|撤销|看)(?={_C_NEAR}{_C_CONTROL})"
)
_C_LOOK = r"(?:打开|查看|找到|看到|预览|观看|播放|浏览|检查|选择|点击|下载|导出|查找)"
_C_EDIT = r"(?:添加|调整|调节|修改|编辑|更改|设置|微调|移动|删除|裁剪|分割|更换|替换|重命名|排序)"
_C_DEED = (
    rf"(?:{_C_CHECK}|{_C_DRAG}{_C_NOT_DRAG}|{_C_CLICK}{_C_NOT_CLICK}|{_C_OPEN}{_C_NOT_OPEN}"
    rf"|(?:{_C_PREVIEW}|{_C_EXPORT}){_C_NOT_EXPORT}|{_C_GO}(?!了)"
    rf"|(?:在|从|通过|用|到|去|使用|利用)[^，,；;。！？!?]{{0,12}}?{_C_CONTROL}[^，,；;。！？!?]{{0,8}}?{_C_LOOK}(?!了)"
    rf"|(?:(?:您|你)(?:也|还|就)?)?(?:可以?|需要|能)[^，,；;。！？!?]{{0,4}}?(?:在|从|通过|用|到|去|使用|利用)[^，,；;。！？!?]{{0,12}}?{_C_CONTROL}[^，,；;。！？!?]{{0,8}}?{_C_EDIT})"
)
_C_SUBJECT = (
    rf"(?:导出|下载|预览|播放|保存|撤销|分享|设置|素材|文字|音频|属性|{_Q}+[”’」』》】\"'`]?) ?(?:按钮|面板|菜单|图标|选项|标签)"
    r"(?:就|已|也|位于|在|可以|可|会|能|即可|上)"
    r"|(?:请|您)?在(?:导出|下载)(?:时|页|弹窗)[^，,；;。！？!?]{0,6}?(?:选择|设置|勾选)"
    rf"|[^，,；;。！？!?我他她已了]{{1,10}}?可以?(?:直接|随时|自由|任意|随意){{0,2}}(?:拖(?!地)|点击|双击|导出|下载|预览){_C_NOT_CLICK}"
    rf"|(?:视频|成片|文件|它|作品|项目)[^，,；;。！？!?]{{0,8}}?(?:现在|已经|都|就)?可以?(?:直接|随时)?(?:(?:通过|在|从|用)[^，,；;。！？!?]{{0,10}}?)?(?:点击|导出|下载|拖|预览)"
    rf"|[^，,；;。！？!?我]{{1,12}}?可以?(?:直接|随时|继续)?[在通用从][^，,；;。！？!?]{{0,12}}?(?:{_C_CONTROL}|{_Q}|{_C_ACCOUNT})[^，,；;。！？!?]{{0,6}}?(?:{_C_LOOK}|{_C_EDIT})"
    r"|(?:现在|已经?|就|随时)?可以?(?:直接|随时|开始)?(?:点击|导出|下载|预览)(?:了|啦|该)"
)
_C_OPENING = (
    r"(?:如果|若|如(?!下)|要是|要(?!求)|想要?|当|一旦|为(?:了|获得|确保|保证|得到|方便|取得)|待|等|确认|满意|准备好|提示|小贴士|贴士|注意|温馨提示|下一步"
    r"|接下来|操作步骤|操作方法|步骤|需要|只需|(?:导出|下载|预览|编辑|操作|保存)[^，。]{0,4}[:：]|在|选择|选中|勾选|从|首先|先|完成后|然后|方法|之后|最后)"
)
_C_TALK = (
    r"(?:我|本次|另外|此外|(?:或者?|也可以?|可以?|随时|请|您|你|欢迎|直接|都|还|就|继续|再|现在)*(?:告诉我|跟我说|和我说|对我说|联系我|通知我|让我|回复)"
    r"|有任何|如有|欢迎|需要我|要不要|是否|随时告诉|期待)"
)

# --- What a clause is -------------------------------------------------------------------------

BOUNDARY = re.compile(
    r"\s*(?:[;；—–]+|\s--?\s|[,，]|：|:(?=\s|$)|、(?=请|点击|打开|拖))\s*"
    r"|\s+(?=(?:and|or|but|so|then|which|that|where|by|via|through|using|from|to|for|with|under|in|just|simply|please|after)\s)"
    r"|(?<=[\u4e00-\u9fff”」】])(?<![请您你可以先再并后接需能也还就便在即处双右键且])"
    r"(?=(?:并且?|然后|再|之后|接着|且|即可|请|您可以|你可以|可以?){1,2}(?:点击|单击|双击|打开|前往)|(?:请|您可以|你可以|并可以?)(?:将|把|导出|下载|拖|预览|在)|并(?:将|把|导出|下载|拖))",
    re.IGNORECASE,
)
HARD = re.compile(r"[;；—–]|\s-\s|\bbut\b|不过|但")
CONNECTIVE = _compile(
    r"(?:(?:and|or|but|so|then|also|otherwise|alternatively|plus|instead)\b,? ?|(?:或者|或|并且|而且|并|同时|但是|但|不过)[，,]? ?"
    r"|[,，;；:：—–-] ?)+"
)
FACT = _compile(r"(?:now that|since|because) (?=\w)|(?:既然|由于|因为)")
TRIGGER = _compile(
    r"click|轻触|长按|ctrl|\btabs?\b|\bgo to\b|credits?|subscription| > |tap|press|hit|drag|drop|open|preview|export|download|panel|button|menu|timeline|account"
    r"|billing|slider|sidebar|toolbar|library|editor|save|inspector|settings|[点单双右]击|点按|轻点|按|打开|展开|进入|前往"
    r"|切换|拖|预览|导出|下载|面板|按钮|库|设置|编辑|右上角|窗口|播放|选项|账|帐|余额|积分|时间线|时间轴|菜单|点|保存|滑"
)
"""Where it does not occur, nothing is taken out."""
CONTENT_LABEL = _compile(
    r"(?:title|text|caption|subtitle|overlay|lyrics?|cta|narration|voice-?over|script|says?|reads?|saying|reading|called|named|slogan"
    r"|tagline|heading|headline|scene ?\d*|shot ?\d*|clip ?\d*|line ?\d*|标题|文字|字幕|文案|台词|歌词|旁白|配音|内容|镜头 ?[\d一二三四五六七八九十]*|写着|场景 ?[\d一二三四五六七八九十]*)$"
)
"""What ends so before a colon quotes what comes after it."""
OWN_DEED = _compile(
    r"\b(?:i'll|i will|i can|i could|i would|i'd|i'm going to|i am going to|let me(?! know)|we'll|we will|we can|shall i|should i"
    r"|would you like|want me|like me|do you want|allow me|me to)\b"
)
"""The agent offers to do it itself, so that bare verbs after it are its own deeds."""
_C_OWN_DEED = _compile(r"我(?:们)?(?:会|将|来|可以|先|再|帮|为|给|能|要|正在|准备)[^。！？]{0,60}$")
_C_ADDRESSED = _compile(r"[^，,；;。！？!?]{0,4}?(?:请|您|你|可)")
SOMEBODY = _compile(
    r"\b(?:to|can|will|would|could|must|should|they|she|he|people|users?|viewers?|where|who|how|hands?|see)\b"
)
FINITE = _compile(r"\b(?:has been|have been|was|were|already|(?:is|are|has|have) now|now (?:is|are|has|have))\b|已|了$|为")
FUTURE = _compile(
    r"\b(?:will|should|would|can|could|may|might|going to)\b|'ll\b|会|将|即可|就|可以|便"
)

_C_FAR_DEED = (  # words before the verb that no list holds: "片段上双击“标题”"
    r"(?![^，,；;。！？!?]{0,30}(?:我|他|她|人|观众|主持|手|声|音效|镜头|画面|特写|场景|教程|演示|里的?))[^，,；;。！？!?已被了的]{0,10}?"
    rf"(?:点击|单击|双击|轻触|轻点|按一?下){_C_NOT_CLICK}(?:[^，,；;。！？!?]{{0,8}}?{_C_CONTROL}|{_Q}|导出|下载|撤销|应用|确[认定]|播放|生成|保存|重置|重试)"
)
_INSTRUCTION = _compile(
    rf"{_LEAD}(?:{_MODAL}{_OFFERED}|{_TOLD}|(?:if|when|once|after|as soon as|whenever) you (?:{_CLICK}|{_OPEN}|{_DRAG})|{_SCREEN_SUBJECT}|{_PASSIVE})|{_C_LEAD}(?:{_C_DEED}|{_C_SUBJECT})|{_C_FAR_DEED}"
)
_OFFER = _compile(rf"{_LEAD}(?:export|download|preview|save|render)\b|(?:现在|立即|直接|马上|是否|要)*(?:导出|下载|预览)")
_BARE = _compile(rf"{_LEAD}{_TOLD}")
_TAIL = _compile(_ENGLISH_TAIL)
_OPENING = _compile(rf"{_LEAD}(?:{_ENGLISH_OPENING}|{_MODAL}{_CHOICE})|{_C_LEAD}{_C_OPENING}")
CHOICE = _compile(rf"{_LEAD}{_CHOICE}|{_C_LEAD}(?:选择|选中|勾选|输入)")
"""A step that says what to choose, which alone could be a question to the person."""
_TALK = _compile(rf"{_LEAD}{_ENGLISH_TALK}|{_C_TALK}")
_NOT_AN_INSTRUCTION = _compile(
    rf"{_LEAD}(?:exporting|downloading|rendering|saving|previewing|opening|pressing|tapping|hitting|checking|finding|viewing|watching|playing|adjusting|adding|showing|moving|using|selecting)\b"
    r"|(?:是否|要不要|需要我|我)"
)
_C_CLAUSE = r"[^，,；;。！？!?]{0,60}"
_CHINESE_NO_DEED = _compile(  # a thing with a deed in its name, or a question to the person
    rf"(?:(?!{_C_CLAUSE}(?:按钮|图标|面板|导出|即可|添加|选择|使用)){_C_CLAUSE}的?(?:声|声音|音效|画面|镜头|特写|场景|动作)"
    rf"|{_C_CLAUSE}[吗么]"
    r"|(?![^，,；;。！？!?]{0,60}(?:可|就|能|请|您|你|即))[^，,；;。！？!?]{1,60}(?:已[^，,；;。！？!?]{1,20}|被[^，,；;。！？!?]{1,20}|了))[。！？!?]?(?=$|[，,；;])"
)
_CHINESE_OPENING = _compile(rf"{_C_CLAUSE}(?:后|时|的话|之前|前|以后|之后)(?=$|[，,；;])")
_NEWS_FIRST = _compile(  # "At the end the logo fades in", "最后三秒已删除"
    rf"{_LEAD}(?:in the|on the|at the|from the|under the|inside the|with the|for|there)\b[^,;]{{0,80}}?"
    r"\b(?:is|are|was|were|has|have|had|been|fades?|starts?|appears?|plays?|shows?|ends?|stays?|gets?|added|removed)\b"
    rf"|{_C_LEAD_WORD}{{0,3}}(?:在|从|最后|首先|先|结尾|开头|接下来|之后|当)[^，,；;。！？!?]{{0,40}}?(?:已|被|了)(?!解|的话)"
)
_REACH = 400


def kind(words: str, start: int, end: int) -> tuple[Kind, int]:
    """Tell what the clause is that begins at `start`, in a sentence that ends at `end`.

    Returns:
        Its kind, and how far the words go that make it so: no clause begins within them.
    """
    clause = words[start : min(end, start + _REACH)]
    if not _NOT_AN_INSTRUCTION.match(clause) and not _CHINESE_NO_DEED.match(clause):
        for found, pattern in ((Kind.TAIL, _TAIL), (Kind.INSTRUCTION, _INSTRUCTION)):
            if match := pattern.match(clause):
                return found, start + match.end()
    if _TALK.match(clause):
        return Kind.TALK, start
    if _NEWS_FIRST.match(clause):
        return Kind.OTHER, start
    if _OPENING.match(clause) or _CHINESE_OPENING.match(clause):
        return Kind.OPENING, start
    return Kind.OTHER, start


def is_offer(words: str, start: int) -> bool:
    """Whether an instruction with a question mark is an offer: "Export now?"."""
    return _OFFER.match(words, start) is not None


def is_own_deed(words: str, mark: int, start: int) -> bool:
    """Whether a bare verb after a conjunction tells what somebody else does.

    "I'll add music and export the video" is the agent's own deed, and "how to
    open the app and click the icon" is a video's subject.
    """
    before = words[max(0, mark - _REACH) : mark]
    if _C_OWN_DEED.search(before):
        return not _C_ADDRESSED.match(words, start)
    if not _BARE.match(words, start):
        return False
    return bool(OWN_DEED.search(before)) or (
        words[mark:start].isspace() and bool(SOMEBODY.search(before))
    )


def is_news(words: str, mark: int, start: int, end: int) -> bool:
    """Whether a clause after an instruction tells something new, and not what will follow."""
    clause = words[start : min(end, start + _REACH)]
    if FUTURE.search(clause):
        return False
    return bool(HARD.search(words[mark:start]) or FINITE.search(clause))


# --- Which action an instruction means ---------------------------------------------------------

_BEFORE_EXPORT = _compile(
    r"\b(?:before|prior to|until|after) (?:you )?(?:\w+ )?(?:export|download|render)\w*"
    r"|(?:before|prior to) (?:the )?(?:final )?(?:export|download)|(?:导出|下载)(?:之?前|以前|后)"
)
_MEANS_CREDITS = _compile(rf"\b{_ACCOUNT}|top up|{_C_ACCOUNT}|充值")
_MEANS_EXPORT = _compile(
    rf"\bexport|\bdownload(?!s? folder)|\bsave\b(?={_NEAR}{_DEVICE})|导出|下载|保存到(?:本地|电脑|手机|相册|桌面|您|你)|\bsave (?:it|the video|your video|the file)\b|render (?:it|the|your) ?(?:video)?"
)
_MEANS_DRAG = _compile(
    r"\bdrag|\bdrop(?:ping)? |\bsliders?\b|\bslid(?:e|ing)\b|\bresiz|\brearrang|\breorder|\bpull|拖|滑动|拉动"
    rf"|\b{_ADJUST}(?={_NEAR}\b(?:sliders?|handles?|timeline|playhead|inspector|properties|panel|editor))|更改|调整|调节|修改|编辑|微调|裁剪|分割|更换|替换"
)
_MEANS_SUMMARY = _compile(
    rf"\bpreview(?! (?:panel|tab|menu)s?\b)|\b(?:play|watch|see|view|check|review|look|scrub)\w*\b(?={_NEAR}\b(?:timeline|player|preview))"
    r"|(?:时间线|时间轴|预览|播放器)[^，。]{0,8}?(?:查看|观看|播放|看)|\b(?:press|hit|click|tap)\w* (?:on )?(?:the )?(?:\W)?(?:play|space)|预览|(?:播放|观看|查看|检查|看)(?=[^，。]{0,20}(?:时间线|时间轴|预览|播放器))|(?:点击|按下?|点按?|轻点)[^，。]{0,3}播放"
)
_MEANS_OPEN = _compile(
    rf"\b(?:open|go|head|navigate|switch to|find|access|expand|visit|return|bring up|pull up|see|view|look|locate|check|launch|browse|explore|show)\w*\b|{_C_OPEN}|打开|查看|找到|看到|浏览|访问"
)
_OPENS_FIRST = _compile(r"(?!.{0,200}预览)[^，。]{0,12}?(?:打开|进入|展开|前往)")
_MEANS_CLICK = _compile(rf"click|\btap|\bpress|\bhit\b|{_C_CLICK}")
_MERE_PLACE = _compile(
    r"^\W*(?:\w+ ){0,3}(?:go|head|look|scroll|move|navigate)\b[^,]{0,40}(?:corner|top|bottom|right|left)\W*$"
)
_VERBS = (
    (_MEANS_CLICK, GuiAction.CALL_API),
    (_MEANS_DRAG, GuiAction.EDIT),
    (_MEANS_OPEN, GuiAction.SHOW_STATE),
)


def action(words: str, raw: str) -> GuiAction | None:
    """Return the action that an instruction means, if any (protocol.md §9).

    Args:
        words: The masked clause.
        raw: The clause as it was written, since the names of buttons are often quoted.
    """
    raw = _BEFORE_EXPORT.sub("", raw)
    if _MEANS_DRAG.search(words) and re.search(r"drag|drop|拖|滑动", words, re.IGNORECASE):
        return GuiAction.EDIT
    for means, found in (
        (_MEANS_CREDITS, GuiAction.CREDITS),
        (_MEANS_EXPORT, GuiAction.EXPORT),
        (_MEANS_SUMMARY, GuiAction.SUMMARY),
    ):
        if means.search(raw) and not (found is GuiAction.SUMMARY and _OPENS_FIRST.match(words)):
            return found
    if _MERE_PLACE.search(words):
        return None
    verbs = [(match.start(), found) for means, found in _VERBS if (match := means.search(words))]
    return min(verbs, key=lambda verb: verb[0])[1] if verbs else GuiAction.CALL_API
