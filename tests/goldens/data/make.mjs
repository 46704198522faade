// Makes the files beside it: npm i apache-arrow parquet-wasm && node make.mjs
import * as arrow from 'apache-arrow'; import fs from 'fs';
import initWasm, * as pq from 'parquet-wasm/esm/parquet_wasm.js';
await initWasm({module_or_path: fs.readFileSync('node_modules/parquet-wasm/esm/parquet_wasm_bg.wasm')});
const F=(n,t,nul=true)=>new arrow.Field(n,t,nul);
const msg=new arrow.Struct([F('role',new arrow.Utf8()),F('content',new arrow.Utf8())]);
const rows=[
 {messages:[{role:'user',content:'2+2?'},{role:'assistant',content:'4 é😀'}],n:1,score:0.5,tags:['a',null,'b'],ok:true,meta:{id:7,src:'x'}},
 {messages:[],n:null,score:null,tags:null,ok:null,meta:null},
 {messages:null,n:3,score:-2.25,tags:[],ok:false,meta:{id:null,src:null}},
 {messages:[{role:'system',content:null},null,{role:'user',content:''}],n:4,score:1e10,tags:['z'],ok:true,meta:{id:9,src:'y'}},
];
const schema=new arrow.Schema([F('messages',new arrow.List(F('item',msg))),F('n',new arrow.Int64()),F('score',new arrow.Float64()),F('tags',new arrow.List(F('item',new arrow.Utf8()))),F('ok',new arrow.Bool()),F('meta',new arrow.Struct([F('id',new arrow.Int32()),F('src',new arrow.Utf8())]))]);
const cols={};
for(const f of schema.fields){const b=arrow.makeBuilder({type:f.type,nullValues:[null,undefined]});for(const r of rows){let v=r[f.name]; if(f.name==='n'&&v!==null)v=BigInt(v); b.append(v);}b.finish();cols[f.name]=b.toVector();}
const t0=new arrow.Table(cols); const batch=t0.batches[0];
const t=new arrow.Table(schema,[new arrow.RecordBatch(schema,batch.data)]);
fs.writeFileSync('nested.arrow',arrow.tableToIPC(t,'file'));fs.writeFileSync('nested.stream.arrow',arrow.tableToIPC(t,'stream'));

for(const [n,c] of [['snappy',pq.Compression.SNAPPY],['zstd',pq.Compression.ZSTD]]){
 const p=new pq.WriterPropertiesBuilder().setCompression(c).setMaxRowGroupSize(3).build();
 fs.writeFileSync(`nested.${n}.parquet`,pq.writeParquet(pq.Table.fromIPCStream(arrow.tableToIPC(t,"stream")),p));}
fs.writeFileSync('nested.json',JSON.stringify(rows,null,1));
